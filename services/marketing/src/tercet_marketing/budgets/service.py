"""Budgets are opened with an amount, topped up, drawn down and moved between; each cent is on the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from babel.numbers import is_currency

from tercet.marketing.v1 import budget_service_pb2 as pb
from tercet.marketing.v1 import events_pb2 as events
from tercet.type.v1.money_pb2 import Money as MoneyMessage
from tercet_chassis import Handlers, Tx
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_marketing.budgets import store
from tercet_marketing.budgets.errors import (
    BudgetAmountNotPositive,
    BudgetCurrencyDiffers,
    BudgetCurrencyUnknown,
    BudgetMovedToItself,
    BudgetOpeningNegative,
)
from tercet_marketing.budgets.model import Budget


class BudgetService(Handlers):
    """Serves tercet.marketing.v1.BudgetService."""

    async def CreateBudget(self, request: pb.CreateBudgetRequest, tx: Tx) -> pb.Budget:
        """Opens a budget. Refuses a code that is taken, and less than nothing to begin with."""
        opening = Money.of(request.budget.opening_amount.amount, request.budget.opening_amount.currency_code)
        if not is_currency(opening.currency):
            raise BudgetCurrencyUnknown(currency=opening.currency)
        if opening.amount < 0:
            raise BudgetOpeningNegative(amount=opening)
        budget = await tx.create(Budget, request.budget)
        budget.currency_code = opening.currency
        await tx.flush()
        account = await store.open_account(tx, budget)
        budget.account_id = account.id
        if opening.amount:
            funds = await store.funds_counter(tx, opening.currency)
            await _move(tx, budget, funds.id, account.id, opening, "OPEN", "")
        tx.emit(events.BudgetCreated, budget)
        return await _shown(tx, budget)

    async def GetBudget(self, request: pb.GetBudgetRequest, tx: Tx) -> pb.Budget:
        """One budget with what is left of it."""
        return await _shown(tx, await tx.get(Budget, request.id))

    async def ListBudgets(self, request: pb.ListBudgetsRequest, tx: Tx) -> pb.ListBudgetsResponse:
        """Budgets of the caller's reach with what is left of them."""
        page: Any = await tx.page(Budget, request, response=pb.ListBudgetsResponse)
        await _fill(tx, page.budgets)
        answer: pb.ListBudgetsResponse = page
        return answer

    async def UpdateBudget(self, request: pb.UpdateBudgetRequest, tx: Tx) -> pb.Budget:
        """Changes name, place and the tenant's own fields; never the money."""
        budget = await tx.get(Budget, request.budget.id, etag=request.budget.etag, lock=True)
        mask = request.update_mask if request.HasField("update_mask") else None
        await tx.patch(budget, request.budget, mask)
        tx.emit(events.BudgetUpdated, budget)
        return await _shown(tx, budget)

    async def TopUpBudget(self, request: pb.TopUpBudgetRequest, tx: Tx) -> pb.Budget:
        """Puts money on a budget."""
        budget = await tx.get(Budget, request.id)
        amount = _amount(budget, request.amount)
        funds = await store.funds_counter(tx, amount.currency)
        await _move(tx, budget, funds.id, _account(budget), amount, "TOP_UP", request.note)
        tx.emit(events.BudgetFunded, budget, change=_message(amount), reason="TOP_UP")
        return await _shown(tx, budget)

    async def WithdrawBudget(self, request: pb.WithdrawBudgetRequest, tx: Tx) -> pb.Budget:
        """Takes money off a budget. Refuses more than is available."""
        budget = await tx.get(Budget, request.id)
        amount = _amount(budget, request.amount)
        funds = await store.funds_counter(tx, amount.currency)
        await _move(tx, budget, _account(budget), funds.id, amount, "WITHDRAW", request.note)
        tx.emit(events.BudgetFunded, budget, change=_message(-amount), reason="WITHDRAW")
        return await _shown(tx, budget)

    async def MoveBudget(self, request: pb.MoveBudgetRequest, tx: Tx) -> pb.MoveBudgetResponse:
        """Moves money to another budget. Refuses more than is available, and a budget in another currency."""
        source = await tx.get(Budget, request.id)
        target = await tx.get(Budget, request.to_budget_id)
        if source.id == target.id:
            raise BudgetMovedToItself(budget_code=source.code)
        amount = _amount(source, request.amount)
        _amount(target, request.amount)
        await _move(tx, source, _account(source), _account(target), amount, "MOVE", request.note)
        tx.emit(events.BudgetFunded, source, change=_message(-amount), reason="MOVE")
        tx.emit(events.BudgetFunded, target, change=_message(amount), reason="MOVE")
        await tx.flush()
        shown = [_rendered(tx, source), _rendered(tx, target)]
        await _fill(tx, shown)
        return pb.MoveBudgetResponse(from_budget=shown[0], to_budget=shown[1])

    async def ListBudgetEntries(self, request: pb.ListBudgetEntriesRequest, tx: Tx) -> pb.ListBudgetEntriesResponse:
        """What the budget got and gave."""
        budget = await tx.get(Budget, request.budget_id)
        page: pb.ListBudgetEntriesResponse = await store.entries_page(
            tx, _account(budget), request, pb.ListBudgetEntriesResponse
        )
        return page


async def _move(tx: Tx, budget: Budget, source: UUID, target: UUID, amount: Money, reason: str, note: str) -> None:
    # A repeated request is answered by its request id; each call that runs is a movement of its own.
    key = f"budget:{reason.lower()}:{new_id()}"
    await store.move(tx, key, source, target, amount, reason=reason, note=note, giver=budget.code)


def _account(budget: Budget) -> UUID:
    if budget.account_id is None:
        raise ValueError("a budget has an account")
    return budget.account_id


def _amount(budget: Budget, message: Any) -> Money:
    amount = Money.of(message.amount, message.currency_code)
    if amount.currency != budget.currency_code:
        raise BudgetCurrencyDiffers(
            budget_code=budget.code, budget_currency=budget.currency_code, currency=amount.currency
        )
    if amount.amount <= 0:
        raise BudgetAmountNotPositive(amount=amount)
    return amount


def _message(amount: Money) -> MoneyMessage:
    return MoneyMessage(currency_code=amount.currency, amount=amount.text())


def _rendered(tx: Tx, budget: Budget) -> pb.Budget:
    message = pb.Budget()
    message.CopyFrom(tx.render(budget))  # type: ignore[arg-type]
    return message


async def _shown(tx: Tx, budget: Budget) -> pb.Budget:
    # The answer quotes the version that is written.
    await tx.flush()
    message = _rendered(tx, budget)
    await _fill(tx, [message])
    return message


async def _fill(tx: Tx, budgets: Sequence[pb.Budget]) -> None:
    found = await store.figures(tx, [UUID(budget.account_id) for budget in budgets])
    for budget in budgets:
        account, funded = found[UUID(budget.account_id)]
        amounts = {
            "balance": account.balance,
            "held": account.held,
            "available": account.available,
            "funded": funded,
            "spent": funded - account.balance,
        }
        for name, amount in amounts.items():
            money = Money.of(amount, budget.currency_code)
            getattr(budget, name).currency_code = money.currency
            getattr(budget, name).amount = money.rounded().text()
