"""Money that benefits take from budgets: to the cent, once by key, never more than there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        return f"benefit:{self.key}"


async def short_of(tx: Tx, spendings: Sequence[Spending], *, hold: bool) -> dict[str, BudgetSpent]:
    """The spendings, by key, for which their budgets have too little left, in their order. With `hold` nobody else
    can spend the money meanwhile.
    """
    wanted = [one for one in spendings if one.budget_code and one.amount.amount > 0]
    accounts: dict[str, Account] = {}
    for code in sorted({one.budget_code for one in wanted}):
        accounts[code] = await budgets.account_of(tx, code)
    if hold:
        fresh = await ledgers.lock_accounts(tx, (account.id for account in accounts.values()))
        accounts = {code: fresh[account.id] for code, account in accounts.items()}
    left = {code: account.available for code, account in accounts.items()}
    short: dict[str, BudgetSpent] = {}
    for one in wanted:
        code, amount = one.budget_code, one.amount
        if accounts[code].unit != amount.currency or left[code] < amount.amount:
            available = Money(max(left[code], Decimal(0)), accounts[code].unit)
            short[one.key] = BudgetSpent(budget_code=code, available=available, amount=amount)
        else:
            left[code] -= amount.amount
    return short


async def spend(tx: Tx, spendings: Sequence[Spending], reference: str = "") -> None:
    """Takes the amounts, each once by its key."""
    drafts = []
    for one in spendings:
        if one.budget_code and one.amount.amount > 0:
            drafts.append(Draft(one.name, await _legs(tx, one), reason="SPEND", reference=reference))
    if drafts:
        await ledgers.post_all(tx, drafts)


async def keep(tx: Tx, spendings: Sequence[Spending], until: datetime) -> None:
    """Holds the amounts until a time, each once by its key."""
    asks = []
    for one in spendings:
        if one.budget_code and one.amount.amount > 0:
            account = await budgets.account_of(tx, one.budget_code)
            asks.append(HoldAsk(one.name, account.id, one.amount.amount, until))
    if asks:
        await ledgers.hold_all(tx, asks)


async def spend_kept(tx: Tx, spendings: Sequence[Spending], reference: str) -> None:
    """Takes what was held."""
    for one in spendings:
        if one.budget_code and one.amount.amount > 0:
            await ledgers.confirm(tx, one.name, await _legs(tx, one), reason="SPEND", reference=reference)


async def give_back(tx: Tx, keys: Iterable[str]) -> None:
    """Puts back what was taken or held under these keys, each once; keys under which nothing was change nothing."""
    for key in sorted(keys):
        name = f"benefit:{key}"
        if await ledgers.posting_of(tx, name) is not None:
            await ledgers.reverse(tx, f"{name}:back", name, reason="GIVEN_BACK")
        else:
            await ledgers.release(tx, name)


async def _legs(tx: Tx, one: Spending) -> tuple[Leg, ...]:
    account = await budgets.account_of(tx, one.budget_code)
    spent = await budgets.spent_counter(tx, one.amount.currency)
    return (Leg(account.id, -one.amount.amount), Leg(spent.id, one.amount.amount))


async def give_change(tx: Tx, one: Spending) -> None:
    """Puts back what was taken beyond what was given, once by its key."""
    await _put_back(tx, one, "CHANGE")


async def return_part(tx: Tx, one: Spending) -> None:
    """Puts back a part of what was taken, once by its key."""
    await _put_back(tx, one, "GIVEN_BACK")


async def _put_back(tx: Tx, one: Spending, reason: str) -> None:
    if one.budget_code and one.amount.amount > 0:
        back = tuple(Leg(leg.account_id, -leg.amount) for leg in await _legs(tx, one))
        await ledgers.post(tx, one.name, back, reason=reason)
