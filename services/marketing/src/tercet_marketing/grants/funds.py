"""Money that benefits take from budgets: to the cent, once by key, never more than there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.money import Money
from tercet_marketing.budgets import store as budgets
from tercet_marketing.grants.errors import BudgetSpent
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.rules import Draft, HoldAsk, Leg


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
    wanted = _costly(spendings)
    if not wanted:
        return {}
    ids = {_account_id(tx, one): one.budget_code for one in wanted}
    found = await (ledgers.lock_accounts if hold else ledgers.accounts_by_id)(tx, ids)
    accounts = {ids[id]: account for id, account in found.items()}
    for code in sorted(set(ids.values()) - set(accounts)):
        # It is in another currency, or there is none of this code.
        accounts[code] = await budgets.account_of(tx, code)
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
    drafts = await _drafts(tx, spendings, "SPEND", reference)
    if drafts:
        await ledgers.post_all(tx, drafts)


async def keep(tx: Tx, spendings: Sequence[Spending], until: datetime) -> None:
    """Holds the amounts until a time, each once by its key."""
    asks = [HoldAsk(one.name, _account_id(tx, one), one.amount.amount, until) for one in _costly(spendings)]
    if asks:
        await ledgers.hold_all(tx, asks)


async def spend_kept(tx: Tx, spendings: Sequence[Spending], reference: str) -> None:
    """Takes what was held."""
    drafts = await _drafts(tx, spendings, "SPEND", reference)
    if drafts:
        await ledgers.confirm_all(tx, drafts)


async def give_back(tx: Tx, keys: Iterable[str]) -> None:
    """Puts back what was taken or held under these keys, each once; keys under which nothing was change nothing."""
    names = [f"benefit:{key}" for key in sorted(keys)]
    taken = await ledgers.postings_of(tx, names) if names else {}
    if taken:
        await ledgers.reverse_all(tx, {f"{name}:back": of for name, of in taken.items()}, reason="GIVEN_BACK")
    held = [name for name in names if name not in taken]
    if held:
        await ledgers.release_all(tx, held)


async def put_back(tx: Tx, parts: Sequence[Spending], reason: str) -> None:
    """Puts back parts of what was taken, each once by its key."""
    drafts = [
        replace(draft, legs=tuple(Leg(leg.account_id, -leg.amount) for leg in draft.legs))
        for draft in await _drafts(tx, parts, reason)
    ]
    if drafts:
        await ledgers.post_all(tx, drafts)


def _costly(spendings: Iterable[Spending]) -> list[Spending]:
    return [one for one in spendings if one.budget_code and one.amount.amount > 0]


def _account_id(tx: Tx, one: Spending) -> UUID:
    return budgets.account_id(tx, one.budget_code, one.amount.currency)


async def _drafts(tx: Tx, spendings: Iterable[Spending], reason: str, reference: str = "") -> list[Draft]:
    wanted = _costly(spendings)
    currencies = sorted({one.amount.currency for one in wanted})
    spent = {currency: await budgets.spent_counter(tx, currency) for currency in currencies}
    drafts = []
    for one in wanted:
        amount = one.amount.amount
        legs = (Leg(_account_id(tx, one), -amount), Leg(spent[one.amount.currency].id, amount))
        drafts.append(Draft(one.name, legs, reason=reason, reference=reference))
    return drafts
