"""Money that benefits take from budgets: to the cent, once by key, never more than there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tercet_chassis import Tx
from tercet_chassis.money import Money
from tercet_marketing.budgets import store as budgets
from tercet_marketing.grants.errors import BudgetSpent
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.rules import Account, Draft, HoldAsk, Leg


@dataclass(frozen=True, slots=True)
class Spending:
    """An amount to be taken from a budget, under a key that names what for."""

    key: str
    budget_code: str
    amount: Money

    @property
    def name(self) -> str:
        """The key in the ledger."""
        return ledger_key(self.key)

    @property
    def counts(self) -> bool:
        """Whether there is a budget and something to take."""
        return bool(self.budget_code) and self.amount.amount > 0


def ledger_key(key: str) -> str:
    """What is taken under a key, as the ledger names it."""
    return f"benefit:{key}"


async def short_of(tx: Tx, groups: Mapping[str, Sequence[Spending]], *, hold: bool) -> dict[str, BudgetSpent]:
    """The groups, by name, for which some budget has too little left, in their order; a group is paid as a whole or
    takes nothing. With `hold` nobody else can spend the money meanwhile.
    """
    wanted = {name: [one for one in group if one.counts] for name, group in groups.items()}
    accounts: dict[str, Account] = {}
    for code in sorted({one.budget_code for group in wanted.values() for one in group}):
        accounts[code] = await budgets.account_of(tx, code)
    if hold and accounts:
        fresh = await ledgers.lock_accounts(tx, (account.id for account in accounts.values()))
        accounts = {code: fresh[account.id] for code, account in accounts.items()}
    left = {code: account.available for code, account in accounts.items()}
    short: dict[str, BudgetSpent] = {}
    for name, group in wanted.items():
        after = dict(left)
        for one in group:
            code, amount = one.budget_code, one.amount
            if accounts[code].unit != amount.currency or after[code] < amount.amount:
                available = Money(max(after[code], Decimal(0)), accounts[code].unit)
                short[name] = BudgetSpent(budget_code=code, available=available, amount=amount)
                break
            after[code] -= amount.amount
        else:
            left = after
    return short


async def spend(tx: Tx, spendings: Iterable[Spending], reference: str = "") -> None:
    """Takes the amounts, each once by its key."""
    wanted = [one for one in spendings if one.counts]
    if wanted:
        sides = await _sides(tx, wanted)
        drafts = [Draft(one.name, sides.legs(one), reason="SPEND", reference=reference or one.name) for one in wanted]
        await ledgers.post_all(tx, drafts)


async def keep(tx: Tx, spendings: Sequence[Spending], until: datetime) -> None:
    """Holds the amounts until a time, each once by its key."""
    wanted = [one for one in spendings if one.counts]
    if wanted:
        sides = await _sides(tx, wanted)
        await ledgers.hold_all(
            tx, [HoldAsk(one.name, sides.budgets[one.budget_code].id, one.amount.amount, until) for one in wanted]
        )


async def spend_kept(tx: Tx, spendings: Sequence[Spending], reference: str) -> None:
    """Takes what was held."""
    wanted = [one for one in spendings if one.counts]
    sides = await _sides(tx, wanted)
    for one in wanted:
        await ledgers.confirm(tx, one.name, sides.legs(one), reason="SPEND", reference=reference)


async def give_back(tx: Tx, keys: Iterable[str]) -> None:
    """Puts back what was taken or held under these keys, each once; keys under which nothing was change nothing."""
    for key in sorted(keys):
        name = ledger_key(key)
        if await ledgers.posting_of(tx, name) is not None:
            await ledgers.reverse(tx, f"{name}:back", name, reason="GIVEN_BACK")
        else:
            await ledgers.release(tx, name)


async def give_change(tx: Tx, spendings: Sequence[Spending]) -> None:
    """Puts back what was taken beyond what was given, each once by its key."""
    wanted = [one for one in spendings if one.counts]
    sides = await _sides(tx, wanted)
    for one in wanted:
        back = tuple(Leg(leg.account_id, -leg.amount) for leg in sides.legs(one))
        await ledgers.post(tx, one.name, back, reason="CHANGE")


async def settle(tx: Tx, one: Spending) -> None:
    """Has what was taken under a key come to the amount: what is too much goes back, what is missing is taken as far as
    the budget has it.
    """
    sides = await _sides(tx, [one])
    id = sides.budgets[one.budget_code].id
    account = (await ledgers.lock_accounts(tx, [id]))[id]
    moved, count = await ledgers.moved_under(tx, id, one.name)
    more = min(one.amount.amount + moved, account.available)
    if more:
        legs = sides.legs(Spending(one.key, one.budget_code, Money(more, one.amount.currency)))
        await ledgers.post(tx, f"{one.name}:{count}", legs, reason="SETTLE", reference=one.name)


class _Sides:
    """The accounts between which money of budgets goes."""

    def __init__(self, accounts: Mapping[str, Account], spent: Mapping[str, Account]) -> None:
        self.budgets, self._spent = accounts, spent

    def legs(self, one: Spending) -> tuple[Leg, ...]:
        """From the budget to what is spent."""
        amount = one.amount.amount
        return Leg(self.budgets[one.budget_code].id, -amount), Leg(self._spent[one.amount.currency].id, amount)


async def _sides(tx: Tx, spendings: Sequence[Spending]) -> _Sides:
    codes, currencies = {one.budget_code for one in spendings}, {one.amount.currency for one in spendings}
    return _Sides(
        {code: await budgets.account_of(tx, code) for code in sorted(codes)},
        {currency: await budgets.spent_counter(tx, currency) for currency in sorted(currencies)},
    )
