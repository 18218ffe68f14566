"""Budgets over the API: opened, topped up, moved, read, and never overspent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

from support.deals import cny, told
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.budget_service_pb2 import (
    Budget,
    CreateBudgetRequest,
    GetBudgetRequest,
    ListBudgetEntriesRequest,
    ListBudgetsRequest,
    MoveBudgetRequest,
    TopUpBudgetRequest,
    UpdateBudgetRequest,
    WithdrawBudgetRequest,
)
from tercet.type.v1.money_pb2 import Money
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.budgets import store
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.rules import Leg


async def budget(marketing: Client, code: str = "spring", amount: str = "1000.00", **more: Any) -> Budget:
    values = {"code": code, "display_name": f"预算 {code}", "opening_amount": cny(amount), **more}
    made: Budget = await marketing.CreateBudget(CreateBudgetRequest(budget=Budget(**values)))
    return made


def figures(of: Budget) -> tuple[str, ...]:
    return tuple(getattr(of, name).amount for name in ("balance", "held", "available", "funded", "spent"))


async def test_a_budget_begins_with_its_amount(marketing: Client) -> None:
    made = await budget(marketing)
    assert figures(made) == ("1000.00", "0.00", "1000.00", "1000.00", "0.00")
    assert figures(await marketing.GetBudget(GetBudgetRequest(id=made.id))) == figures(made)
    empty = await budget(marketing, "empty", "0")
    assert figures(empty)[0] == "0.00"
    with refused("RESOURCE_ALREADY_EXISTS", "budget.code"):
        await budget(marketing)
    with refused("BUDGET_OPENING_NEGATIVE"):
        await budget(marketing, "minus", "-1")
    with refused("BUDGET_CURRENCY_UNKNOWN"):
        await budget(marketing, "odd", opening_amount=Money(currency_code="QQQ", amount="1"))
    with refused("LEDGER_AMOUNT_TOO_FINE"):
        await budget(marketing, "fine", "0.001")


async def test_money_is_put_on_taken_off_and_moved(marketing: Client) -> None:
    one, two = await budget(marketing, "one", "100"), await budget(marketing, "two", "0")
    topped = await marketing.TopUpBudget(TopUpBudgetRequest(id=one.id, amount=cny("20.50"), note="追加"))
    assert figures(topped)[0] == "120.50"
    less = await marketing.WithdrawBudget(WithdrawBudgetRequest(id=one.id, amount=cny("0.50")))
    assert figures(less)[0] == "120.00"
    moved = await marketing.MoveBudget(MoveBudgetRequest(id=one.id, to_budget_id=two.id, amount=cny("70")))
    assert (figures(moved.from_budget)[0], figures(moved.to_budget)[0]) == ("50.00", "70.00")
    entries = await marketing.ListBudgetEntries(ListBudgetEntriesRequest(budget_id=one.id, order_by="occur_time"))
    assert [(entry.reason, entry.amount, entry.balance_after) for entry in entries.ledger_entries] == [
        ("OPEN", "100.0000", "100.0000"),
        ("TOP_UP", "20.5000", "120.5000"),
        ("WITHDRAW", "-0.5000", "120.0000"),
        ("MOVE", "-70.0000", "50.0000"),
    ]
    assert [(event.reason, event.change.amount) for event in await told(marketing, events.BudgetFunded)] == [
        ("TOP_UP", "20.50"),
        ("WITHDRAW", "-0.50"),
        ("MOVE", "-70.00"),
        ("MOVE", "70.00"),
    ]


async def test_more_than_is_available_is_refused(marketing: Client) -> None:
    one, two = await budget(marketing, "one", "100"), await budget(marketing, "two", "0")
    with refused("BUDGET_INSUFFICIENT", "amount.amount"):
        await marketing.WithdrawBudget(WithdrawBudgetRequest(id=one.id, amount=cny("100.01")))
    with refused("BUDGET_INSUFFICIENT"):
        await marketing.MoveBudget(MoveBudgetRequest(id=one.id, to_budget_id=two.id, amount=cny("100.01")))
    with refused("BUDGET_AMOUNT_NOT_POSITIVE"):
        await marketing.TopUpBudget(TopUpBudgetRequest(id=one.id, amount=cny("-5")))
    with refused("BUDGET_CURRENCY_DIFFERS"):
        await marketing.TopUpBudget(TopUpBudgetRequest(id=one.id, amount=Money(currency_code="USD", amount="5")))
    with refused("BUDGET_MOVED_TO_ITSELF"):
        await marketing.MoveBudget(MoveBudgetRequest(id=one.id, to_budget_id=one.id, amount=cny("1")))


async def test_whoever_draws_on_a_budget_is_seen_in_what_is_left(marketing: Client) -> None:
    one = await budget(marketing, "one", "100")
    async with marketing.transaction() as tx:
        account, spent = await store.account_of(tx, "one"), await store.spent_counter(tx, "CNY")
        legs = [Leg(account.id, Decimal("-33.33")), Leg(spent.id, Decimal("33.33"))]
        await ledgers.post(tx, "grant 1", legs, reason="GRANT")
        await ledgers.hold(tx, "grant 2", account, Decimal(10), tx.now())
    shown = (await marketing.ListBudgets(ListBudgetsRequest(q="预算"))).budgets
    assert [figures(found) for found in shown] == [("66.67", "10.00", "56.67", "100.00", "33.33")]
    with refused("BUDGET_UNKNOWN", "budget_code"):
        async with marketing.transaction() as tx:
            await store.account_of(tx, "none")
    renamed = Budget(id=one.id, display_name="春季")
    changed = await marketing.UpdateBudget(UpdateBudgetRequest(budget=renamed, update_mask={"paths": ["display_name"]}))
    assert (changed.display_name, figures(changed)[0]) == ("春季", "66.67")


async def test_parallel_withdrawals_never_take_more_than_there_is(marketing: Client) -> None:
    one, two = await budget(marketing, "one", "10"), await budget(marketing, "two", "10")

    async def move(number: int) -> int:
        source, target = (one, two) if number % 2 else (two, one)
        try:
            if number % 3:
                await marketing.WithdrawBudget(WithdrawBudgetRequest(id=source.id, amount=cny("0.99")))
                return 1
            await marketing.MoveBudget(MoveBudgetRequest(id=source.id, to_budget_id=target.id, amount=cny("0.99")))
        except Refusal as refusal:
            if refusal.reason != "BUDGET_INSUFFICIENT":
                raise
        return 0

    taken = sum(await asyncio.gather(*(move(number) for number in range(90))))
    left = [await marketing.GetBudget(GetBudgetRequest(id=one_of.id)) for one_of in (one, two)]
    assert sum(Decimal(found.balance.amount) for found in left) == 20 - taken * Decimal("0.99")
    assert all(Decimal(found.balance.amount) >= 0 for found in left)


async def test_budgets_are_seen_by_unit(marketing: Client) -> None:
    unit = new_id()
    await budget(marketing, "north", unit_id=str(unit))
    await budget(marketing, "south", unit_id=str(new_id()))
    seller = marketing.as_(permissions={"marketing.budget.read": "unit"}, unit_id=UUID(str(unit)))
    assert [found.code for found in (await seller.ListBudgets(ListBudgetsRequest())).budgets] == ["north"]
