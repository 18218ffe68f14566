"""Sends, what came in, and the rules of how often and when. States move only here."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index, money, unique
from tercet_chassis.money import Money
from tercet_marketing.sends import rules
from tercet_marketing.sends.errors import QuietHoursInvalid, SendNotEnded, SendNotUncertain, SendNotWaiting
from tercet_marketing.sends.rules import Cap, Json, Window

# Longer than a handing-over can last: after it, whoever was at it is taken for dead. In machine time.
LEASE = timedelta(minutes=5)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class Send(Linked, Owned, Entity):
    """One message to a customer. `given_address` is where the caller wants it, `address` where it goes; `point_key` is
    the digest of that.
    """

    __tablename__ = "sends"
    __table_args__ = (
        unique("sends_by_key", "key", field="key"),
        index("sends_due", "next_time", where="state = 'QUEUED'"),
        index("sends_under_way", "lease_until", where="state = 'SENDING'"),
        index("sends_by_party", "party_id", "claim_time"),
        index("sends_by_identity", "identity_id", "create_time"),
        index("sends_by_unit", "unit_id", "create_time"),
        index("sends_by_owner", "owner_id", "create_time"),
        index("sends_by_time", "create_time"),
        index("sends_by_point", "point_key", "create_time"),
        index("sends_by_provider_id", "provider_id", where="provider_id <> ''"),
        index("sends_by_campaign", "campaign_id", "create_time", where="campaign_id IS NOT NULL"),
        index("sends_by_strategy", "strategy_id", "create_time", where="strategy_id IS NOT NULL"),
        index("sends_by_ticket", "ticket_id", "create_time", where="ticket_id IS NOT NULL"),
    )

    key: Mapped[str]
    request_hash: Mapped[str]
    purpose: Mapped[str]
    state: Mapped[str] = column(default=rules.QUEUED)
    state_code: Mapped[str] = column(default="")
    detail: Mapped[str] = column(default="")
    channel_codes: Mapped[list[str]] = column(default=list)
    channel_index: Mapped[int] = column(default=0)
    channel_code: Mapped[str] = column(default="")
    account_code: Mapped[str] = column(default="")
    given_address: Mapped[dict[str, Any] | None]
    address: Mapped[dict[str, Any] | None]
    point_key: Mapped[str] = column(default="")
    template_code: Mapped[str] = column(default="")
    template_version: Mapped[int] = column(default=0)
    language: Mapped[str] = column(default="")
    variables: Mapped[dict[str, Any]] = column(default=dict)
    subject: Mapped[str] = column(default="")
    text: Mapped[str] = column(default="")
    html: Mapped[str] = column(default="")
    short_text: Mapped[str] = column(default="")
    not_before: Mapped[datetime | None]
    next_time: Mapped[datetime | None]
    claim_time: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    # Whether something may have reached the provider since it was claimed.
    begun: Mapped[bool] = column(default=False)
    asked: Mapped[int] = column(default=0)
    attempts: Mapped[int] = column(default=0)
    channel_attempts: Mapped[int] = column(default=0)
    retries: Mapped[int] = column(default=0)
    send_time: Mapped[datetime | None]
    deliver_time: Mapped[datetime | None]
    provider_id: Mapped[str] = column(default="")
    cost: Mapped[Money | None] = money("cost")
    tries: Mapped[list[Any]] = column(default=list)
    campaign_id: Mapped[UUID | None]
    strategy_id: Mapped[UUID | None]
    ticket_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    in_reply_to: Mapped[str] = column(default="")
    files: Mapped[list[Any]] = column(default=list)

    # -- before it goes -----------------------------------------------------------------------------------------------
    def note(self, channel_code: str, outcome_code: str, now: datetime, detail: str = "") -> None:
        """Remembers one look at one channel."""
        told: Json = {"channel_code": channel_code, "try_time": _text(now), "outcome_code": outcome_code}
        self.tries = [*(self.tries or []), told | ({"detail": detail[:500]} if detail else {})]

    def postpone(self, until: datetime) -> None:
        """Looks again later."""
        self.next_time = until

    def withhold(self, code: str) -> None:
        """It is not allowed to go."""
        self.state, self.state_code, self.next_time = rules.WITHHELD, code, None

    def hand_over(
        self, channel_index: int, channel_code: str, account_code: str, address: Json, point_key: str, now: datetime
    ) -> None:
        """On its way from here on; whoever finds it so after the lease must ask the provider first."""
        if channel_index != self.channel_index:
            self.channel_attempts = 0
        self.state, self.state_code, self.detail, self.next_time = rules.SENDING, "", "", None
        self.channel_index, self.channel_code, self.account_code = channel_index, channel_code, account_code
        self.address, self.point_key, self.claim_time = address, point_key, now
        self.attempts, self.channel_attempts = (self.attempts or 0) + 1, (self.channel_attempts or 0) + 1
        self.asked, self.begun = 0, False

    def cancel(self) -> None:
        """Takes it back. Refuses one that has gone or is on its way."""
        if self.state != rules.QUEUED:
            raise SendNotWaiting(state=self.state)
        self.state, self.next_time = rules.CANCELED, None

    # -- how it went --------------------------------------------------------------------------------------------------
    def take(self, provider_id: str, cost: Money | None, now: datetime, *, delivered: bool) -> None:
        """The provider has it, and perhaps the customer."""
        self.state, self.state_code, self.lease_until = rules.SENT, "", None
        self.provider_id, self.send_time = provider_id or self.provider_id or "", now
        if cost is not None:
            self.cost = cost
        self.note(self.channel_code, rules.SENT, now)
        if delivered:
            self.arrive(now)

    def arrive(self, now: datetime) -> bool:
        """The customer has it; whether that is news."""
        if self.state == rules.DELIVERED:
            return False
        self.state, self.state_code, self.deliver_time = rules.DELIVERED, "", now
        self.send_time, self.lease_until, self.next_time = self.send_time or now, None, None
        return True

    def refuse(self, code: str, detail: str, now: datetime) -> bool:
        """This channel did not take it: the next one is tried, if there is one; whether it has failed for good."""
        self.note(self.channel_code, code, now, detail)
        self.lease_until, self.detail = None, detail[:500]
        if self.channel_index + 1 < len(self.channel_codes):
            self.state, self.next_time = rules.QUEUED, now
            self.channel_index, self.channel_attempts = self.channel_index + 1, 0
            return False
        self.state, self.state_code, self.next_time = rules.FAILED, code, None
        return True

    def wait(self, detail: str, seconds: float | None, now: datetime) -> bool:
        """The provider may take it later; whether it has failed for good by now."""
        delay = rules.delay_after(self.channel_attempts, self.id)
        if delay is None:
            return self.refuse(rules.PROVIDER_AWAY, detail, now)
        if seconds is not None:
            delay = max(delay, timedelta(seconds=seconds))
        self.note(self.channel_code, "LATER", now, detail)
        self.state, self.lease_until, self.detail, self.next_time = rules.QUEUED, None, detail[:500], now + delay
        return False

    def give_back(self, now: datetime) -> None:
        """It certainly did not go: it waits again, as before."""
        self.state, self.lease_until, self.next_time = rules.QUEUED, None, now

    def doubt(self, detail: str, now: datetime) -> None:
        """Nobody can tell whether it went: it stays visible, and is never sent again by itself."""
        self.note(self.channel_code, rules.UNCLEAR, now, detail)
        self.state, self.state_code, self.detail = rules.UNCERTAIN, rules.UNCLEAR, detail[:500]
        self.lease_until = self.next_time = None

    # -- by hand ------------------------------------------------------------------------------------------------------
    def retry(self, now: datetime) -> None:
        """From the first channel again. Refuses one that is on its way or has arrived."""
        if self.state not in (rules.FAILED, rules.WITHHELD, rules.CANCELED, rules.UNCERTAIN):
            raise SendNotEnded(state=self.state)
        self.state, self.state_code, self.detail, self.next_time = rules.QUEUED, "", "", now
        self.channel_index = self.channel_attempts = 0
        self.retries = (self.retries or 0) + 1

    def resolve(self, now: datetime, *, arrived: bool) -> None:
        """What became of an uncertain one. Refuses any other."""
        if self.state != rules.UNCERTAIN:
            raise SendNotUncertain(state=self.state)
        if arrived:
            self.arrive(now)
        else:
            self.state, self.state_code = rules.FAILED, rules.UNCLEAR


class ReceivedMessage(Linked, Owned, Entity):
    """What a customer wrote; taken once by the provider's name of it within the account."""

    __tablename__ = "received_messages"
    __table_args__ = (
        unique("received_messages_once", "account_code", "provider_id", field="provider_id"),
        index("received_messages_by_identity", "identity_id", "create_time"),
        index("received_messages_by_party", "party_id", "create_time"),
        index("received_messages_by_unit", "unit_id", "create_time"),
        index("received_messages_by_send", "send_id"),
    )

    channel_code: Mapped[str]
    account_code: Mapped[str]
    provider_id: Mapped[str]
    address: Mapped[dict[str, Any]] = column()
    subject: Mapped[str] = column(default="")
    text: Mapped[str] = column(default="")
    html: Mapped[str] = column(default="")
    in_reply_to: Mapped[str] = column(default="")
    send_id: Mapped[UUID | None]
    ticket_id: Mapped[UUID | None]
    automatic: Mapped[bool] = column(default=False)
    write_time: Mapped[datetime | None]
    files: Mapped[list[Any]] = column(default=list)
    quoted_text: Mapped[str] = column(default="")


class FrequencyCap(Entity):
    """How often somebody is reached at most."""

    __tablename__ = "frequency_caps"
    __table_args__ = (unique("frequency_caps_by_code", "code", field="frequency_cap.code"),)

    code: Mapped[str]
    channel_code: Mapped[str] = column(default="")
    purpose: Mapped[str | None]
    most: Mapped[int]
    period_hours: Mapped[int]
    enabled: Mapped[bool] = column(default=True)

    def as_rule(self) -> Cap:
        """As it is counted."""
        return Cap(
            self.code, self.purpose or rules.MARKETING, self.channel_code, self.most, timedelta(hours=self.period_hours)
        )


class QuietHours(Entity):
    """Hours in which nobody is disturbed."""

    __tablename__ = "quiet_hours"
    __table_args__ = (unique("quiet_hours_by_code", "code", field="quiet_hours.code"),)

    code: Mapped[str]
    channel_code: Mapped[str] = column(default="")
    purpose: Mapped[str | None]
    start: Mapped[str]
    end: Mapped[str]
    enabled: Mapped[bool] = column(default=True)

    def check(self) -> None:
        """Refuses hours that begin and end at once."""
        if self.start == self.end:
            raise QuietHoursInvalid(start=self.start)

    def as_rule(self) -> Window:
        """As they are waited for."""
        return Window(
            time.fromisoformat(self.start), time.fromisoformat(self.end), self.purpose or "", self.channel_code
        )
