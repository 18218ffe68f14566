"""Grants, codes and batches of codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, money, unique
from tercet_chassis.money import Money
from tercet_marketing.grants.errors import GrantNotReversible, GrantNotUsable, GrantOnOrder, GrantPaidOut


class Grant(Linked, OfParty, Entity):
    """One issued benefit."""

    __tablename__ = "grants"
    __table_args__ = (
        unique("grants_by_key", "key", field="key"),
        index("grants_by_party", "party_id", "state"),
        index("grants_by_identity", "identity_id"),
        index("grants_by_policy", "policy_code", "party_id"),
        index("grants_by_reservation", "reservation_id", where="reservation_id IS NOT NULL"),
        index("grants_by_strategy", "strategy_code", where="strategy_code <> ''"),
        index("grants_by_campaign", "campaign_id", where="campaign_id IS NOT NULL"),
        index("grants_due", "end_time", where="state = 'ISSUED' AND end_time IS NOT NULL AND payment IS NULL"),
    )

    key: Mapped[str]
    tool_code: Mapped[str]
    policy_code: Mapped[str] = column(default="")
    version: Mapped[int] = column(default=0)
    state: Mapped[str] = column(default="ISSUED")
    origin: Mapped[str] = column(default="DIRECT")
    numbers: Mapped[dict[str, Any]] = column(default=dict)
    currency_code: Mapped[str] = column(default="")
    face: Mapped[Money | None] = money("face")
    amount: Mapped[Money | None] = money("amount")
    returned: Mapped[Money | None] = money("returned")
    funded_by: Mapped[str] = column(default="")
    budget_code: Mapped[str] = column(default="")
    strategy_budget_code: Mapped[str] = column(default="")
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    zone: Mapped[str] = column(default="UTC")
    code: Mapped[str] = column(default="")
    campaign_id: Mapped[UUID | None]
    strategy_code: Mapped[str] = column(default="")
    promotion_code: Mapped[str] = column(default="")
    reservation_id: Mapped[UUID | None]
    reference: Mapped[str] = column(default="")
    issue_time: Mapped[datetime]
    redeem_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    use_count: Mapped[int] = column(default=0)
    # The key of the last use, so that the same use is answered and not refused.
    redeem_key: Mapped[str] = column(default="")
    # Counts uses that were given back: the next use is another one, with ledger keys of its own.
    turn: Mapped[int] = column(default=0)
    # Made for the order that uses it; taken back with it.
    for_order: Mapped[bool] = column(default=False)
    payment: Mapped[str | None]

    @property
    def nothing(self) -> Money:
        """No money, in its currency; a grant without amounts has none of its own."""
        return Money.zero(self.currency_code or "XXX")

    def hindrance(self, now: datetime) -> tuple[str, str] | None:
        """Why it cannot be used now, as a fact and a sentence; None when it can."""
        if self.state != "ISSUED":
            return f"GRANT_{self.state}", f"it is {self.state.lower()}."
        if self.payment is not None:
            return "GRANT_PAID_OUT", "it is being paid into its holder's wallet."
        if self.start_time is not None and now < self.start_time:
            return "GRANT_TOO_EARLY", f"it can be used from {self.start_time.isoformat()} on."
        if self.end_time is not None and now >= self.end_time:
            return "GRANT_OUT_OF_TIME", f"it could be used until {self.end_time.isoformat()}."
        return None

    def must_be_usable(self, now: datetime) -> None:
        """Refuses one that cannot be used now."""
        hindrance = self.hindrance(now)
        if hindrance is not None:
            raise GrantNotUsable(grant_id=self.id, cause=hindrance[1])

    def settle(self, now: datetime) -> None:
        """It took effect when it was issued."""
        self.state, self.redeem_time = "REDEEMED", now

    def reserve(self, now: datetime, reservation_id: UUID, reference: str, amount: Money) -> None:
        """Kept for an order. Refuses one that cannot be used."""
        self.must_be_usable(now)
        self.state, self.reservation_id, self.reference, self.amount = "RESERVED", reservation_id, reference, amount

    def redeem(self, now: datetime, key: str, reference: str) -> None:
        """Used, by its holder or on an order that counts."""
        self.state, self.redeem_time, self.redeem_key = "REDEEMED", now, key
        self.reference = reference or self.reference

    def use_again(self, key: str) -> None:
        """Used by somebody else; it stays its holder's."""
        self.use_count, self.redeem_key = (self.use_count or 0) + 1, key

    def give_back(self, now: datetime) -> None:
        """Its holder's again after an order that does not count: to be used, or expired when its time is over."""
        over = self.end_time is not None and now >= self.end_time
        self.state = "EXPIRED" if over else "ISSUED"
        self.finish_time = now if over else None
        self.reservation_id = self.redeem_time = self.amount = self.returned = None
        self.reference = self.redeem_key = ""
        self.turn = (self.turn or 0) + 1

    def begin_payment(self, now: datetime) -> None:
        """The payer gets it: from here on it can neither be taken back nor expire. Refuses one that cannot be used."""
        self.must_be_usable(now)
        self.payment = "PAYING"

    def take_payment_back(self) -> None:
        """The payer certainly did not pay: it is as it was before."""
        self.payment = None

    def pay(self, now: datetime, key: str, reference: str) -> None:
        """Its holder has the money."""
        self.payment, self.amount = "PAID", self.face
        self.redeem(now, key, reference)

    def expire(self, now: datetime) -> None:
        """Not used in its time."""
        self.state, self.finish_time = "EXPIRED", now

    def reverse(self, now: datetime) -> None:
        """Taken back. Refuses what an order uses, what is paid into a wallet, and what has ended."""
        if self.payment is not None:
            raise GrantPaidOut(grant_id=self.id, payment=self.payment)
        if self.reservation_id is not None:
            raise GrantOnOrder(grant_id=self.id, reference=self.reference)
        if self.state == "EXPIRED":
            raise GrantNotReversible(grant_id=self.id, state=self.state)
        self.state, self.finish_time = "REVERSED", now


class GrantUse(Entity):
    """One redemption of a grant by somebody else than its holder: a newcomer counts once."""

    __tablename__ = "grant_uses"
    __message__ = None
    __table_args__ = (
        unique("grant_uses_by_key", "grant_id", "key", field="key"),
        unique("grant_uses_by_redeemer", "grant_id", "redeemer_identity_id", field="redeemer_identity_id"),
    )

    grant_id: Mapped[UUID]
    key: Mapped[str]
    redeemer_identity_id: Mapped[UUID]


class CodeBatch(Entity):
    """Unique codes that are made together."""

    __tablename__ = "code_batches"

    display_name: Mapped[str]
    tool_code: Mapped[str]
    policy_code: Mapped[str] = column(default="")
    version: Mapped[int] = column(default=0)
    code_count: Mapped[int]
    prefix: Mapped[str] = column(default="")
    random_length: Mapped[int] = column(default=0)
    campaign_id: Mapped[UUID | None]
    made_count: Mapped[int] = column(default=0)
    state: Mapped[str] = column(default="MAKING")

    def done(self) -> None:
        """All are there, unless somebody ended it meanwhile."""
        if self.state == "MAKING":
            self.state = "DONE"

    def revoke(self) -> None:
        """Ended: no more are made, and those that nobody has claimed work no more."""
        self.state = "REVOKED"


class BenefitCode(Entity):
    """What is typed in to get a benefit."""

    __tablename__ = "benefit_codes"
    __table_args__ = (
        unique("benefit_codes_by_code", "code", field="code"),
        index("benefit_codes_by_batch", "batch_id", "id", where="batch_id IS NOT NULL"),
    )

    code: Mapped[str]
    batch_id: Mapped[UUID | None]
    tool_code: Mapped[str]
    policy_code: Mapped[str] = column(default="")
    version: Mapped[int] = column(default=0)
    shared: Mapped[bool] = column(default=False)
    uses_max: Mapped[int] = column(default=0)
    state: Mapped[str] = column(default="OPEN")
    grant_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]

    def claim(self, grant_id: UUID) -> None:
        """Becomes a grant."""
        self.state, self.grant_id = "CLAIMED", grant_id

    def give_back(self, *, ended: bool = False) -> None:
        """Free again, because the order it was used on does not count; `ended` when its batch has been meanwhile."""
        if self.state == "CLAIMED":
            self.state, self.grant_id = "REVOKED" if ended else "OPEN", None

    def revoke(self) -> None:
        """Ended by hand; what it became stays."""
        if self.state == "OPEN":
            self.state = "REVOKED"
