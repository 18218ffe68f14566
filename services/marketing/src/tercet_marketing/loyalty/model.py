"""Programmes, memberships and what became of every point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.numbers import is_currency

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, OfParty, Searchable, column, index, unique
from tercet_chassis.errors import Violation
from tercet_marketing.loyalty import rules
from tercet_marketing.loyalty.earning import TRANSACTIONS, EarnRule
from tercet_marketing.loyalty.errors import LoyaltyProgrammeInvalid, PointsNotPositive, PointsTooFine
from tercet_marketing.loyalty.tiers import TierRule

_FIELD = "loyalty_programme"


class LoyaltyProgramme(Custom, Searchable, Entity):
    """How points are earned, how long they last, and which tiers come of them."""

    __tablename__ = "loyalty_programmes"
    __table_args__ = (unique("loyalty_programmes_by_code", "code", field="loyalty_programme.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    time_zone: Mapped[str] = column(default="")
    digits: Mapped[int] = column(default=0)
    currency_code: Mapped[str]
    enrolment: Mapped[str] = column(default="AUTOMATIC")
    debt_rule: Mapped[str] = column(default="OWE")
    active: Mapped[bool] = column(default=True)
    start_time: Mapped[datetime]
    earn_rules: Mapped[list[Any]] = column(default=list)
    pending_days: Mapped[int] = column(default=0)
    expiry: Mapped[dict[str, Any] | None]
    tier_rule: Mapped[dict[str, Any] | None]

    def rules_of_earning(self) -> list[EarnRule]:
        """The rules as they are asked."""
        return [EarnRule.of(rule) for rule in self.earn_rules]

    def rule_of_tiers(self, zone: ZoneInfo) -> TierRule:
        """The tiers, their periods counted in `zone`."""
        return TierRule.of(self.tier_rule, zone)

    def usable_time(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """When points that are earned at a moment can be used."""
        return rules.usable_time(moment, self.pending_days, zone)

    def expire_time(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When points that are earned at a moment fall away; None for never."""
        expiry = self.expiry or {}
        return rules.expire_time(expiry.get("kind", "NEVER"), int(expiry.get("count", 0)), moment, zone)

    def counts(self, moment: datetime, join_time: datetime) -> bool:
        """Whether a purchase at a moment earns: since the programme began and, where one must ask to join, since then.

        Where joining goes by itself, purchases may come to be known in any order.
        """
        return moment >= self.start_time and (self.enrolment == "AUTOMATIC" or moment >= join_time)

    def points(self, text: str | Decimal) -> Decimal:
        """A number of this programme's points. Refuses none, fewer than none, and more decimals than it has."""
        points = Decimal(text)
        if points <= 0:
            raise PointsNotPositive(points=f"{points:f}")
        if points != rules.floored(points, self.digits):
            raise PointsTooFine(points=f"{points:f}", digits=self.digits)
        return points

    def check(self) -> None:
        """Refuses rules that cannot be used, every one of them with its field."""
        wrong = [Violation(f"{_FIELD}.{field}", reason, text) for field, reason, text in self._faults()]
        if wrong:
            raise LoyaltyProgrammeInvalid(detail=wrong[0].message, violations=wrong)

    def _faults(self) -> Iterator[tuple[str, str, str]]:
        if self.time_zone and not rules.is_zone(self.time_zone):
            yield "time_zone", "TIME_ZONE_UNKNOWN", f"{self.time_zone} is no time zone; give one such as Asia/Shanghai."
        if not is_currency(self.currency_code):
            yield "currency_code", "CURRENCY_UNKNOWN", f"{self.currency_code} is no currency of ISO 4217."
        yield from self._earning_faults()
        yield from self._tier_faults()

    def _earning_faults(self) -> Iterator[tuple[str, str, str]]:
        yield from _repeated("earn_rules", (rule.get("code", "") for rule in self.earn_rules))
        for at, rule in enumerate(self.earn_rules):
            for name in ("points", "per_amount", "max_points"):
                given = rule.get(name)
                if (given or name == "points") and not _above_zero(given):
                    yield (
                        f"earn_rules[{at}].{name}",
                        "NOT_POSITIVE",
                        f"{given or 0} is not above zero.",
                    )
            try:
                TRANSACTIONS.condition(rule.get("condition", ""))
            except ValueError as broken:
                yield f"earn_rules[{at}].condition", "CONDITION_INVALID", f"It cannot be used: {broken}"

    def _tier_faults(self) -> Iterator[tuple[str, str, str]]:
        tiers = (self.tier_rule or {}).get("tiers", ())
        yield from _repeated("tier_rule.tiers", (tier.get("code", "") for tier in tiers))
        before: Decimal | None = None
        for at, tier in enumerate(tiers):
            threshold = Decimal(tier.get("threshold") or 0)
            if before is not None and threshold <= before:
                text = f"The tier begins at {threshold}, the one below at {before}; let thresholds rise."
                yield f"tier_rule.tiers[{at}].threshold", "THRESHOLD_NOT_RISING", text
            before = threshold
            keep = tier.get("keep_threshold")
            if keep and Decimal(keep) > threshold:
                text = f"Keeping the tier cannot ask for more ({keep}) than reaching it ({threshold})."
                yield f"tier_rule.tiers[{at}].keep_threshold", "KEEP_ABOVE_THRESHOLD", text


def _repeated(path: str, codes: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for at, code in enumerate(codes):
        if code in seen:
            yield f"{path}[{at}].code", "CODE_REPEATED", f"The code {code} stands here twice; give each its own."
        seen.add(code)


def _above_zero(text: str | None) -> bool:
    try:
        return Decimal(text or 0) > 0
    except InvalidOperation:
        return False


class Membership(Linked, OfParty, Custom, External, Entity):
    """One identity in one programme. A party's points are those of its memberships together."""

    __tablename__ = "memberships"
    __table_args__ = (
        unique("memberships_by_identity", "programme_code", "identity_id", field="membership.identity_id"),
        unique("memberships_by_external", "external_system", "external_id", field="membership.external_ref"),
        index("memberships_by_party", "party_id", "programme_code"),
        index("memberships_due", "review_time", where="review_time IS NOT NULL"),
        index("memberships_by_tier", "programme_code", "tier_code"),
    )

    programme_code: Mapped[str]
    time_zone: Mapped[str] = column(default="")
    join_time: Mapped[datetime]
    # The identity's own points, what it owes taken off: the sum of its entries.
    points: Mapped[Decimal] = column(default=Decimal(0))
    # The party's tier, the same on each of its memberships.
    tier_code: Mapped[str] = column(default="")
    tier_time: Mapped[datetime | None]
    review_time: Mapped[datetime | None]


class PointsEntry(Entity):
    """One thing that changed one membership's points. Written once."""

    __tablename__ = "points_entries"
    __table_args__ = (
        unique("points_entries_by_key", "key", "membership_id", field="key"),
        index("points_entries_of_membership", "membership_id", "occur_time"),
        index("points_entries_of_sale", "sale_id", where="sale_id IS NOT NULL"),
        index("points_entries_reversing", "reverses_id", where="reverses_id IS NOT NULL"),
    )

    membership_id: Mapped[UUID]
    programme_code: Mapped[str]
    kind: Mapped[str]
    points: Mapped[Decimal]
    balance_after: Mapped[Decimal]
    # What it counts for tiers, in the period of `period_time`.
    qualifying: Mapped[Decimal] = column(default=Decimal(0))
    period_time: Mapped[datetime]
    key: Mapped[str]
    reason: Mapped[str]
    reference: Mapped[str]
    note: Mapped[str]
    user_id: Mapped[UUID | None]
    sale_id: Mapped[UUID | None]
    reverses_id: Mapped[UUID | None]
    # How much of the reversed entry it takes back: also what was written off.
    reversed_points: Mapped[Decimal] = column(default=Decimal(0))
    contributions: Mapped[list[Any]] = column(default=list)
    usable_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]
    occur_time: Mapped[datetime]


class PointsLot(Entity):
    """Points that came together and fall away together; `left` is the figure that changes."""

    __tablename__ = "points_lots"
    __message__ = None
    __table_args__ = (
        index("points_lots_open", "membership_id", where='"left" > 0'),
        index("points_lots_due", "expire_time", where='"left" > 0'),
        index("points_lots_of_entry", "entry_id"),
    )

    membership_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    amount: Mapped[Decimal]
    left: Mapped[Decimal]
    usable_time: Mapped[datetime]
    expire_time: Mapped[datetime | None]
    occur_time: Mapped[datetime]


class PointsLotMove(Entity):
    """What an entry took from a lot or put back into it. Written once."""

    __tablename__ = "points_lot_moves"
    __message__ = None
    __table_args__ = (index("points_lot_moves_of_lot", "lot_id"), index("points_lot_moves_of_entry", "entry_id"))

    lot_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    kind: Mapped[str]
    amount: Mapped[Decimal]
    occur_time: Mapped[datetime]


class LoyaltySale(Entity):
    """A sale or reversal as sales told it, under its own id: what tiers by spending are replayed from."""

    __tablename__ = "loyalty_sales"
    __message__ = None
    __table_args__ = (
        index("loyalty_sales_by_identity", "identity_id", "occur_time"),
        index("loyalty_sales_by_sale", "sale_id"),
    )

    identity_id: Mapped[UUID]
    sale_id: Mapped[UUID]
    sale_time: Mapped[datetime]
    occur_time: Mapped[datetime]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    reporting_amount: Mapped[Decimal]
    reporting_currency: Mapped[str]
