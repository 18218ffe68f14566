"""Double entry without a database: what a posting must be, and what accounts hold after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from tercet_marketing.ledgers.errors import (
    LedgerAccountUnknown,
    LedgerAmountNotPositive,
    LedgerAmountTooFine,
    LedgerBalanceInsufficient,
    LedgerLegsMissing,
    LedgerLegsUnbalanced,
)

Kind = Literal["POINTS", "BUDGET", "LIMIT"]
ZERO = Decimal(0)


class Holder(NamedTuple):
    """Whose account it is: an identity, a piece of configuration by its code, or the house itself."""

    type: str
    key: str

    @classmethod
    def identity(cls, identity_id: UUID | str) -> Holder:
        """Somebody, by the trace that never changes; a party's accounts are those of its identities."""
        return cls("identity", str(identity_id))

    @classmethod
    def house(cls, name: str) -> Holder:
        """The house: where things come from and go to, such as `issued` or `spent`."""
        return cls("house", name)


class AccountSpec(NamedTuple):
    """What an account is. `counter`: the other side of a posting, which is never short and keeps no figure, so that it
    is nobody's bottleneck; its balance is the sum of its entries. `may_go_below`: what somebody owes the house.
    """

    kind: Kind
    unit: str
    holder: Holder
    digits: int = 0
    may_go_below: bool = False
    counter: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands inside the transaction. `balance` is zero on a counter, which keeps none."""

    id: UUID
    kind: Kind
    unit: str
    holder: Holder
    digits: int
    balance: Decimal
    held: Decimal
    may_go_below: bool
    counter: bool

    @property
    def available(self) -> Decimal:
        """What can be taken: the balance without what is held."""
        return self.balance - self.held


class Leg(NamedTuple):
    """What one account gets, or gives when it is below zero."""

    account_id: UUID
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Draft:
    """A posting to be made. `key` follows from what happened, so that it happens once."""

    key: str
    legs: Sequence[Leg]
    reason: str
    reference: str = ""
    note: str = ""
    occur_time: datetime | None = None
    reverses_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting that stands. `fresh` is true for the call that made it."""

    id: UUID
    key: str
    legs: tuple[Leg, ...]
    reason: str
    reference: str
    occur_time: datetime
    fresh: bool


@dataclass(frozen=True, slots=True)
class HoldAsk:
    """An amount to be kept for somebody until a time."""

    key: str
    account_id: UUID
    amount: Decimal
    until: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount that is kept: HELD, or ended as CONFIRMED, RELEASED or EXPIRED."""

    key: str
    account_id: UUID
    amount: Decimal
    state: str
    expire_time: datetime


def merged(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """One leg an account, those of nothing left out, in the order of the accounts' ids. Refuses a posting that moves
    nothing.
    """
    sums: dict[UUID, Decimal] = defaultdict(lambda: ZERO)
    for leg in legs:
        sums[leg.account_id] += leg.amount
    moved = tuple(Leg(id, amount) for id, amount in sorted(sums.items()) if amount)
    if not moved:
        raise LedgerLegsMissing()
    return moved


def digest(legs: Sequence[Leg]) -> str:
    """The legs as one text: the same legs have the same, however their amounts were written."""
    return ";".join(f"{leg.account_id}:{leg.amount.normalize():f}" for leg in legs)


def plain(amount: Decimal, digits: int) -> str:
    """An amount as plain decimal text with the unit's decimals."""
    return f"{amount:.{digits}f}"


def must_fit(amount: Decimal, account: Account) -> None:
    """Refuses an amount that is finer than the account's unit."""
    if amount != amount.quantize(Decimal(1).scaleb(-account.digits)):
        raise LedgerAmountTooFine(amount=f"{amount:f}", unit=account.unit, digits=account.digits)


class Book:
    """Accounts that are locked, and what becomes of them: nothing is written until everything holds."""

    def __init__(self, accounts: Mapping[UUID, Account]) -> None:
        self.accounts = dict(accounts)
        self.moved: dict[UUID, Decimal] = defaultdict(lambda: ZERO)
        self.kept: dict[UUID, Decimal] = defaultdict(lambda: ZERO)
        # Holds that end, by key, with the state they end in.
        self.ended: dict[str, str] = {}

    def account(self, id: UUID) -> Account:
        """The account as it stands now. Refuses one that is not open."""
        found = self.accounts.get(id)
        if found is None:
            raise LedgerAccountUnknown(account_id=id)
        return found

    def post(self, legs: Sequence[Leg]) -> list[Decimal | None]:
        """Moves what the merged legs say; gives each account's balance after it, None for a counter. Refuses legs
        that do not sum to zero, and to take more than is available; then nothing has moved.
        """
        sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        for leg in legs:
            account = self.account(leg.account_id)
            must_fit(leg.amount, account)
            sums[account.kind, account.unit] += leg.amount
        for (_, unit), total in sums.items():
            if total:
                raise LedgerLegsUnbalanced(unit=unit, sum=f"{total:f}")
        for leg in legs:
            self._must_have(self.account(leg.account_id), -leg.amount)
        return [self._move(leg) for leg in legs]

    def hold(self, account_id: UUID, amount: Decimal) -> None:
        """Keeps an amount. Refuses more than is available."""
        account = self.account(account_id)
        if amount <= 0:
            raise LedgerAmountNotPositive(amount=f"{amount:f}")
        must_fit(amount, account)
        self._must_have(account, amount)
        self._keep(account, amount)

    def end(self, holds: Iterable[Hold], state: str) -> None:
        """Ends holds: what they kept is available again."""
        for one in holds:
            self.ended[one.key] = state
            self._keep(self.account(one.account_id), -one.amount)

    def _must_have(self, account: Account, amount: Decimal) -> None:
        if amount <= 0 or account.counter or account.may_go_below or account.available >= amount:
            return
        raise LedgerBalanceInsufficient(
            account_id=account.id,
            unit=account.unit,
            available=plain(account.available, account.digits),
            amount=plain(amount, account.digits),
        )

    def _move(self, leg: Leg) -> Decimal | None:
        account = self.account(leg.account_id)
        if account.counter:
            return None
        self.moved[account.id] += leg.amount
        self._set(account, account.balance + leg.amount, account.held)
        return account.balance + leg.amount

    def _keep(self, account: Account, amount: Decimal) -> None:
        self.kept[account.id] += amount
        self._set(account, account.balance, account.held + amount)

    def _set(self, account: Account, balance: Decimal, held: Decimal) -> None:
        self.accounts[account.id] = Account(
            account.id,
            account.kind,
            account.unit,
            account.holder,
            account.digits,
            balance,
            held,
            account.may_go_below,
            account.counter,
        )
