"""Money that benefits take from budgets: to the cent, once by key, never more than there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    ids = {_account_id(tx, one): one.budget_code for group in wanted.values() for one in group}
    if not ids:
        return {}
    found = await (ledgers.lock_accounts if hold else ledgers.accounts_by_id)(tx, ids)
    accounts = {ids[id]: account for id, account in found.items()}
    for code in sorted(set(ids.values()) - set(accounts)):
        # It is in another currency, or there is none of this code.
        accounts[code] = await budgets.account_of(tx, code)
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
    drafts = await _drafts(tx, spendings, "SPEND", reference)
    if drafts:
        await ledgers.post_all(tx, drafts)


async def keep(tx: Tx, spendings: Iterable[Spending], until: datetime) -> None:
    """Holds the amounts until a time, each once by its key."""
    asks = [HoldAsk(one.name, _account_id(tx, one), one.amount.amount, until) for one in spendings if one.counts]
    if asks:
        await ledgers.hold_all(tx, asks)


async def spend_kept(tx: Tx, spendings: Iterable[Spending], reference: str) -> None:
    """Takes what was held."""
    drafts = await _drafts(tx, spendings, "SPEND", reference)
    if drafts:
        await ledgers.confirm_all(tx, drafts)


async def give_back(tx: Tx, keys: Iterable[str]) -> None:
    """Puts back what was taken or held under these keys, each once; keys under which nothing was change nothing."""
    names = [ledger_key(key) for key in sorted(keys)]
    taken = await ledgers.postings_of(tx, names) if names else {}
    if taken:
        await ledgers.reverse_all(tx, {f"{name}:back": of for name, of in taken.items()}, reason="GIVEN_BACK")
    held = [name for name in names if name not in taken]
    if held:
        await ledgers.release_all(tx, held)


async def put_back(tx: Tx, parts: Iterable[Spending], reason: str) -> None:
    """Puts back parts of what was taken, each once by its key."""
    drafts = [
        replace(draft, legs=tuple(Leg(leg.account_id, -leg.amount) for leg in draft.legs))
        for draft in await _drafts(tx, parts, reason)
    ]
    if drafts:
        await ledgers.post_all(tx, drafts)


async def settle(tx: Tx, one: Spending) -> None:
    """Has what was taken under a key come to the amount: what is too much goes back, what is missing is taken as far as
    the budget has it.
    """
    id = _account_id(tx, one)
    account = (await ledgers.lock_accounts(tx, [id]))[id]
    moved, count = await ledgers.moved_under(tx, id, one.name)
    more = min(one.amount.amount + moved, account.available)
    if more:
        spent = await budgets.spent_counter(tx, one.amount.currency)
        legs = _legs(tx, replace(one, amount=Money(more, one.amount.currency)), spent.id)
        await ledgers.post(tx, f"{one.name}:{count}", legs, reason="SETTLE", reference=one.name)


def _account_id(tx: Tx, one: Spending) -> UUID:
    return budgets.account_id(tx, one.budget_code, one.amount.currency)


def _legs(tx: Tx, one: Spending, spent: UUID) -> tuple[Leg, ...]:
    """From the budget to what is spent."""
    return Leg(_account_id(tx, one), -one.amount.amount), Leg(spent, one.amount.amount)


async def _drafts(tx: Tx, spendings: Iterable[Spending], reason: str, reference: str = "") -> list[Draft]:
    wanted = [one for one in spendings if one.counts]
    currencies = sorted({one.amount.currency for one in wanted})
    spent = {currency: (await budgets.spent_counter(tx, currency)).id for currency in currencies}
    return [
        Draft(one.name, _legs(tx, one, spent[one.amount.currency]), reason=reason, reference=reference or one.name)
        for one in wanted
    ]
