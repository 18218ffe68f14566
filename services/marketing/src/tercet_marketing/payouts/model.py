"""Payouts, a tenant's accounts of payers, and what the console would have paid. States move only here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tercet_chassis import derived_id
from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, money, unique
from tercet_chassis.money import Money
from tercet_marketing.channels.model import Sealed
from tercet_marketing.payouts.errors import PayoutNotCancelable, PayoutNotFailed

ISSUED, PAYING, PAID, FAILED, CANCELED = "ISSUED", "PAYING", "PAID", "FAILED", "CANCELED"
# Why it failed.
NO_ADDRESS, NO_ACCOUNT, CURRENCY_NOT_PAID = "NO_ADDRESS", "NO_ACCOUNT", "CURRENCY_NOT_PAID"
REFUSED, PROVIDER_AWAY, NOT_ACCEPTED = "REFUSED", "PROVIDER_AWAY", "NOT_ACCEPTED"
# What secrets of accounts are sealed for.
SEALED_FOR = "tercet payout secrets"
# Longer than a handing-over can last: after it, whoever was at it is taken for dead. In machine time.
LEASE = timedelta(minutes=5)
_DELAYS = (10, 60, 300, 1_800, 7_200, 21_600)
_ASKED_AFTER = (10, 30, 60, 300, 900, 3_600)


class PayoutAccount(Sealed, Entity):
    """How a tenant pays through a payer."""

    __tablename__ = "payout_accounts"
    __table_args__ = (unique("payout_accounts_by_code", "code", field="payout_account.code"),)

    code: Mapped[str]
    payer_code: Mapped[str]
    display_name: Mapped[str] = column(default="")
    provider: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = column(default=dict)
    enabled: Mapped[bool] = column(default=True)


class ConsolePayout(Entity):
    """A payment that only the console got; its id is the bill's."""

    __tablename__ = "console_payouts"
    __table_args__ = (index("console_payouts_by_time", "create_time"),)

    payer_code: Mapped[str]
    address: Mapped[dict[str, Any]] = column()
    amount: Mapped[Money | None] = money("amount")
    handed_over: Mapped[int] = column(default=1)


class Payout(Linked, OfParty, Entity):
    """What is paid of one grant. `bill_id` names the payment with the payer; it changes only after one that failed."""

    __tablename__ = "payouts"
    __table_args__ = (
        unique("payouts_once", "grant_id", field="grant_id"),
        index("payouts_due", "next_time", where="state = 'ISSUED'"),
        index("payouts_under_way", "lease_until", where="state = 'PAYING'"),
        index("payouts_open", "grant_id", where="state IN ('ISSUED', 'FAILED')"),
        index("payouts_by_party", "party_id", "create_time"),
        index("payouts_by_identity", "identity_id"),
        index("payouts_by_state", "state", "create_time"),
    )

    grant_id: Mapped[UUID]
    amount: Mapped[Money | None] = money("amount")
    state: Mapped[str] = column(default=ISSUED)
    state_code: Mapped[str] = column(default="")
    detail: Mapped[str] = column(default="")
    paid_by: Mapped[str]
    account_code: Mapped[str] = column(default="")
    address: Mapped[dict[str, Any] | None]
    bill_id: Mapped[UUID]
    provider_id: Mapped[str] = column(default="")
    acceptance: Mapped[str] = column(default="")
    attempts: Mapped[int] = column(default=0)
    bills: Mapped[int] = column(default=1)
    asked: Mapped[int] = column(default=0)
    # In machine time: when somebody asks the payer what became of it.
    lease_until: Mapped[datetime | None]
    next_time: Mapped[datetime | None]
    pay_time: Mapped[datetime | None]
    fail_time: Mapped[datetime | None]
    campaign_id: Mapped[UUID | None]
    strategy_code: Mapped[str] = column(default="")

    def begin(self, account_code: str, address: dict[str, Any], moment: datetime) -> None:
        """With the payer from here on, as far as anybody may know."""
        self.state, self.state_code, self.detail, self.next_time = PAYING, "", "", None
        self.account_code, self.address, self.lease_until = account_code, address, moment + LEASE
        self.attempts, self.asked = (self.attempts or 0) + 1, 0

    def pend(self, provider_id: str, acceptance: str, detail: str, moment: datetime) -> None:
        """The payer has it, or nobody can tell: it is asked after, ever more seldom, and never paid by another id."""
        self.provider_id, self.acceptance = provider_id or self.provider_id, acceptance or self.acceptance
        self.detail = detail[:500]
        asked = self.asked or 0
        self.lease_until = moment + timedelta(seconds=_ASKED_AFTER[min(asked, len(_ASKED_AFTER) - 1)])

    def pay(self, provider_id: str, now: datetime) -> None:
        """The customer has it."""
        self.state, self.state_code, self.detail, self.lease_until = PAID, "", "", None
        self.provider_id, self.pay_time, self.acceptance = provider_id or self.provider_id, now, ""

    def wait(self, detail: str, seconds: float | None, now: datetime) -> bool:
        """The payer certainly has not paid and may later; whether it is tried no more by itself."""
        number = (self.attempts or 1) - 1
        if number >= len(_DELAYS):
            self.fail(PROVIDER_AWAY, detail, now)
            return True
        self.give_back(now + timedelta(seconds=max(_DELAYS[number], seconds or 0)))
        self.detail = detail[:500]
        return False

    def give_back(self, when: datetime) -> None:
        """The payer never had it: it waits again, under the same id."""
        self.state, self.lease_until, self.next_time = ISSUED, None, when

    def fail(self, code: str, detail: str, now: datetime) -> None:
        """It certainly was not paid."""
        self.state, self.state_code, self.detail, self.fail_time = FAILED, code, detail[:500], now
        self.lease_until, self.next_time, self.acceptance = None, None, ""

    def retry(self, now: datetime) -> None:
        """Paid again, as another payment: of the one before it is certain that it was not. Refuses any other state."""
        if self.state != FAILED:
            raise PayoutNotFailed(state=self.state)
        self.state, self.state_code, self.detail, self.next_time = ISSUED, "", "", now
        self.attempts, self.provider_id, self.bills = 0, "", (self.bills or 1) + 1
        self.bill_id = bill_id(self.id, self.bills)

    def cancel(self, code: str, detail: str = "") -> None:
        """Given up. Refuses what the payer has, and what has ended."""
        if self.state not in (ISSUED, FAILED):
            raise PayoutNotCancelable(state=self.state)
        self.state, self.state_code, self.next_time = CANCELED, code, None
        self.detail = detail or self.detail or ""


def bill_id(payout_id: UUID, number: int) -> UUID:
    """The id of a payout's first payment, second, …"""
    return derived_id("bill", payout_id, number)
