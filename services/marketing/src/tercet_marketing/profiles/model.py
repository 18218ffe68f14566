"""Profiles, and what they are put together from."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from tercet_chassis.entity import (
    Custom,
    Entity,
    External,
    Linked,
    Mapped,
    OfParty,
    Owned,
    Searchable,
    column,
    index,
    unique,
)
from tercet_marketing.profiles import rules
from tercet_marketing.profiles.errors import TagExpiredAlready, TagHeldByRule, TagNotFound
from tercet_marketing.profiles.rules import Facts, Json, Purchases


def moment_text(moment: datetime) -> str:
    """An instant as stored messages have it."""
    return moment.isoformat().replace("+00:00", "Z")


class Profile(Linked, Owned, Custom, External, Searchable, Entity):
    """What marketing knows of one identity."""

    __tablename__ = "profiles"
    __table_args__ = (
        unique("profiles_by_identity", "identity_id", field="identity_id"),
        unique("profiles_by_external", "external_system", "external_id", field="profile.external_ref"),
        index("profiles_by_party", "party_id"),
        index("profiles_by_unit", "unit_id", "create_time"),
        index("profiles_by_owner", "owner_id", "create_time"),
    )

    kind: Mapped[str | None]
    display_name: Mapped[str] = column(default="")
    birth_date: Mapped[date | None]
    contact_points: Mapped[list[Any]] = column(default=list)
    first_touch: Mapped[dict[str, Any] | None]
    last_touch: Mapped[dict[str, Any] | None]
    lead_id: Mapped[UUID | None]
    lead_state: Mapped[str] = column(default="")
    customer_id: Mapped[UUID | None]
    lifecycle: Mapped[str | None]
    lifecycle_code: Mapped[str] = column(default="")
    # The tenant's own word for the stage, as sales told it; empty when the stage's name serves.
    customer_lifecycle_code: Mapped[str] = column(default="")
    # The party's stage in the lifecycle that is shown on profiles; empty when there is none.
    stage_code: Mapped[str] = column(default="")
    order_count: Mapped[int] = column(default=0)
    first_order_time: Mapped[datetime | None]
    last_order_time: Mapped[datetime | None]
    spent: Mapped[list[Any]] = column(default=list)
    values: Mapped[list[Any]] = column(default=list)
    consents: Mapped[list[Any]] = column(default=list)
    tags: Mapped[list[Any]] = column(default=list)
    tag_codes: Mapped[list[str]] = column(default=list)

    def take_facts(self, facts: Facts) -> bool:
        """Replaces what leads and customers told; tells whether anything has changed."""
        fresh: dict[str, Any] = {
            "kind": facts.kind,
            "display_name": facts.display_name,
            "birth_date": date.fromisoformat(facts.birth_date) if facts.birth_date else None,
            "contact_points": facts.contact_points,
            "first_touch": facts.first_touch,
            "last_touch": facts.last_touch,
            "lead_id": _uuid(facts.lead_id),
            "lead_state": facts.lead_state,
            "customer_id": _uuid(facts.customer_id),
            "customer_lifecycle_code": facts.customer_lifecycle,
            "unit_id": _uuid(facts.unit_id),
            "owner_id": _uuid(facts.owner_id),
            "partner_party_id": _uuid(facts.partner_party_id),
        }
        return self._replace(fresh) | self._settle_lifecycle()

    def take_purchases(self, purchases: Purchases) -> bool:
        """Replaces what they bought and kept; tells whether anything has changed."""
        fresh: dict[str, Any] = {
            "order_count": purchases.order_count,
            "first_order_time": purchases.first_time,
            "last_order_time": purchases.last_time,
            "spent": [{"currency_code": amount.currency, "amount": amount.text()} for amount in purchases.spent],
        }
        return self._replace(fresh) | self._settle_lifecycle()

    def take_values(self, values: list[Json]) -> bool:
        """Replaces what their party is worth; tells whether anything has changed."""
        return self._replace({"values": values})

    def take_stage(self, stage_code: str) -> bool:
        """Shows the stage that a lifecycle has their party at, or none; tells whether anything has changed."""
        return self._replace({"stage_code": stage_code}) | self._settle_lifecycle()

    def _settle_lifecycle(self) -> bool:
        stage = rules.lifecycle(self.lead_id is not None, self.customer_id is not None, self.order_count or 0)
        code = self.stage_code or self.customer_lifecycle_code or (stage or "").lower()
        return self._replace({"lifecycle": stage, "lifecycle_code": code})

    def _replace(self, fresh: dict[str, Any]) -> bool:
        changed = [name for name, value in fresh.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, fresh[name])
        return bool(changed)

    def decide(self, consent: Json) -> bool:
        """Takes a decision; tells whether it changed anything. An older one than the one that is known does not."""
        fresh = rules.decided(self.consents, consent)
        if fresh is None:
            return False
        self.consents = fresh
        return True

    def add_tag(self, tag_code: str, source: str, now: datetime, expire_time: datetime | None) -> Json:
        """Puts a tag on, or changes when it falls off; gives the tag. Refuses one that would have fallen off by now."""
        if expire_time is not None and expire_time <= now:
            raise TagExpiredAlready(tag_code=tag_code, expire_time=moment_text(expire_time))
        tag: Json = {"tag_code": tag_code, "source": source, "add_time": moment_text(now)}
        if expire_time is not None:
            tag["expire_time"] = moment_text(expire_time)
        self._keep(rules.with_tag(self.tags, tag))
        return next(each for each in self.tags if each["tag_code"] == tag_code)

    def hold_tag(self, tag_code: str, segment_code: str, now: datetime) -> Json | None:
        """Puts a tag on that a segment holds; gives it when it is new. One that was put on otherwise stays that."""
        known = self.tag(tag_code)
        if known is not None and not known.get("segment_code"):
            return None
        add_time = known["add_time"] if known else moment_text(now)
        tag: Json = {"tag_code": tag_code, "source": "rule", "add_time": add_time, "segment_code": segment_code}
        if tag != known:
            self._keep(rules.with_tag(rules.without_tag(self.tags, tag_code), tag))
        return tag if known is None else None

    def let_tag_go(self, tag_code: str, expire_time: datetime) -> None:
        """Has a tag that no segment holds any more fall off at a time."""
        tag = next(each for each in self.tags if each["tag_code"] == tag_code)
        self._keep(rules.with_tag(self.tags, {**tag, "expire_time": moment_text(expire_time)}))

    def held_tag(self, tag_code: str) -> Json | None:
        """The tag when a segment holds it."""
        tag = self.tag(tag_code)
        return tag if tag is not None and tag.get("segment_code") and "expire_time" not in tag else None

    def remove_tag(self, tag_code: str, *, by_rule: bool = False) -> Json:
        """Takes a tag off; gives it. Refuses one that is not on, and to take off by hand what a segment holds."""
        found = self.tag(tag_code)
        if found is None:
            raise TagNotFound(tag_code=tag_code)
        if not by_rule and self.held_tag(tag_code) is not None:
            raise TagHeldByRule(tag_code=tag_code, segment_code=found["segment_code"])
        self._keep(rules.without_tag(self.tags, tag_code))
        return found

    def tag(self, tag_code: str) -> Json | None:
        """The tag when it is on."""
        return next((tag for tag in self.tags if tag["tag_code"] == tag_code), None)

    def _keep(self, tags: list[Json]) -> None:
        self.tags, self.tag_codes = tags, [tag["tag_code"] for tag in tags]


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


class ProfileSource(Entity):
    """What one lead or customer contributes to the profile of its identity; its id is the lead's or customer's."""

    __tablename__ = "profile_sources"
    __table_args__ = (index("profile_sources_by_identity", "identity_id"),)
    __message__: ClassVar[str | None] = None

    identity_id: Mapped[UUID]
    facts: Mapped[dict[str, Any]] = column()


class ProfilePurchase(Entity):
    """A transaction as the profile counts it; its id is the transaction's."""

    __tablename__ = "profile_purchases"
    __table_args__ = (index("profile_purchases_by_identity", "identity_id"),)
    __message__: ClassVar[str | None] = None

    identity_id: Mapped[UUID]
    sale_id: Mapped[UUID]
    sale_time: Mapped[datetime]
    amount: Mapped[Decimal]
    currency: Mapped[str]


class ProfileValue(Linked, Entity):
    """A party's value to a unit in a period, as sales told it last; its id is that of the value."""

    __tablename__ = "profile_values"
    __table_args__ = (index("profile_values_by_party", "party_id"),)
    __message__: ClassVar[str | None] = None

    unit_id: Mapped[UUID]
    period_start_date: Mapped[date]
    period_end_date: Mapped[date]
    last_time: Mapped[datetime | None]
    quadrant: Mapped[str]
    order_count: Mapped[int]
    total: Mapped[Decimal]
    currency: Mapped[str]
    told_time: Mapped[datetime]


class ConsentProof(OfParty, Linked, Entity):
    """One decision as it was told, kept for ever; the latest of an identity, contact point, channel and purpose holds.

    `point_key` is the digest of the contact point, under which every decision about it is found, whoever's it is.
    """

    __tablename__ = "consent_proofs"
    __table_args__ = (
        index("consent_proofs_by_point", "point_key", "purpose"),
        index("consent_proofs_by_identity", "identity_id", "create_time"),
        index("consent_proofs_by_party", "party_id", "create_time"),
    )

    contact_point: Mapped[dict[str, Any]] = column()
    point_key: Mapped[str]
    channel_code: Mapped[str] = column(default="")
    purpose: Mapped[str]
    state: Mapped[str]
    decide_time: Mapped[datetime]
    source: Mapped[str] = column(default="")
    evidence: Mapped[dict[str, Any]] = column(default=dict)
    user_id: Mapped[UUID | None]


class TagChange(Entity):
    """One change of a profile's tag."""

    __tablename__ = "tag_changes"
    __table_args__ = (index("tag_changes_by_profile", "profile_id", "change_time"),)
    __message__: ClassVar[str | None] = None

    profile_id: Mapped[UUID]
    tag_code: Mapped[str]
    action: Mapped[str]
    source: Mapped[str]
    change_time: Mapped[datetime]
    user_id: Mapped[str | None]
    segment_code: Mapped[str] = column(default="")
