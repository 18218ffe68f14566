"""Budgets and the money on them, for those who spend it as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money, minor_digits
from tercet_marketing.budgets.errors import BudgetInsufficient, BudgetUnknown
from tercet_marketing.budgets.model import Budget
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.errors import LedgerBalanceInsufficient
from tercet_marketing.ledgers.model import LedgerEntry
from tercet_marketing.ledgers.rules import Account, Holder, Leg

# Why money is put on a budget or taken off by hand; everything else is spending.
FUNDING = ("OPEN", "TOP_UP", "WITHDRAW", "MOVE")


async def account_of(tx: Tx, budget_code: str) -> Account:
    """The account of a budget, for policies and strategies that draw on it. Refuses a code that names none."""
    id = await tx.session.scalar(select(Budget.account_id).where(Budget.code == budget_code))
    if id is None:
        raise BudgetUnknown(budget_code=budget_code)
    return (await ledgers.accounts_by_id(tx, [id]))[id]


def account_id(tx: Tx, budget_code: str, currency: str) -> UUID:
    """The id of a budget's account if the budget is in this currency: it follows from both, so nothing is asked."""
    return ledgers.account_id(tx, "BUDGET", currency, Holder("budget", budget_code))


async def funds_counter(tx: Tx, currency: str) -> Account:
    """Where the money of budgets comes from."""
    return await ledgers.counter_account(tx, "BUDGET", currency, "funds", digits=minor_digits(currency))


async def spent_counter(tx: Tx, currency: str) -> Account:
    """Where the money of budgets goes to when it is spent."""
    return await ledgers.counter_account(tx, "BUDGET", currency, "spent", digits=minor_digits(currency))


async def open_account(tx: Tx, budget: Budget) -> Account:
    """The budget's own account."""
    currency = budget.currency_code
    return await ledgers.open_account(
        tx, "BUDGET", currency, Holder("budget", budget.code), digits=minor_digits(currency)
    )


async def move(
    tx: Tx, key: str, source: UUID, target: UUID, amount: Money, *, reason: str, note: str, giver: str
) -> None:
    """Moves money between two accounts. Refuses more than `giver`, the budget it leaves, has available."""
    legs = [Leg(source, -amount.amount), Leg(target, amount.amount)]
    try:
        await ledgers.post(tx, key, legs, reason=reason, note=note)
    except LedgerBalanceInsufficient as short:
        available = Money.of(short.metadata["available"], amount.currency)
        raise BudgetInsufficient(budget_code=giver, available=available, amount=amount) from short


async def figures(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, tuple[Account, Any]]:
    """Each account as it stands, and what was ever put on it by hand."""
    accounts = await ledgers.accounts_by_id(tx, ids)
    rows = view(LedgerEntry)
    by_hand = func.sum(case((rows.c.reason.in_(FUNDING), rows.c.amount), else_=0))
    query = select(rows.c.account_id, by_hand).where(rows.c.account_id.in_(ids)).group_by(rows.c.account_id)
    funded = {row[0]: row[1] for row in await tx.session.execute(query)}
    return {id: (account, funded.get(id, 0)) for id, account in accounts.items()}


async def entries_page(tx: Tx, account_id: UUID, request: Any, response: type[Any]) -> Any:
    """One page of what a budget got and gave."""
    return await ledgers.entries_page(tx, account_id, request, response)
