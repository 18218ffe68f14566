"""Orders: priced when written, confirmed, delivered, cancelled, returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import (
    CancelOrderRequest,
    ConfirmOrderRequest,
    CreateOrderRequest,
    DeleteOrderRequest,
    FulfillOrderRequest,
    PriceOrderRequest,
    ReturnOrderLinesRequest,
    UpdateOrderRequest,
)
from tercet.sales.v1.order_service_pb2 import Order as OrderMessage
from tercet.sales.v1.transaction_service_pb2 import TransactionLine
from tercet_chassis import Calls, Handlers, InSteps, Process, Tx, invariant, new_id
from tercet_chassis.errors import Violation
from tercet_chassis.invariants import finding
from tercet_chassis.transaction import check_etag
from tercet_sales.customers import store as customers
from tercet_sales.customers.model import Customer
from tercet_sales.numbering.store import next_number
from tercet_sales.orders import agreement, confirming, rules, standing, store, till
from tercet_sales.orders.errors import OrderInvalid, QuoteAlreadyOrdered, QuoteNotAccepted
from tercet_sales.orders.model import Order
from tercet_sales.pricing import store as pricing
from tercet_sales.pricing.rules import Priced
from tercet_sales.pricing.till import basket_of, evaluated
from tercet_sales.quotes.model import Quote

Finding = CheckInvariantsResponse.Finding


@dataclass(slots=True)
class _Written:
    """An order's message, complete, with its prices; nothing is wrong with it."""

    message: Any
    customer: Customer | None
    priced: Priced
    year: int


class OrderService(Handlers):
    """Serves tercet.sales.v1.OrderService."""

    async def CreateOrder(self, request: CreateOrderRequest, tx: Tx) -> Order:
        """Makes a draft. Refuses with ORDER_INVALID, naming every line and party that is wrong, and credit too."""
        written = await self._write(request.order, tx)
        message = written.message
        if written.customer is not None:
            await customers.mark_used(tx, written.customer.id)
        number = await next_number(tx, "O", UUID(message.seller_unit_id), written.year)
        order = await tx.create(Order, message)
        order.number = number
        order.take_prices(written.priced)
        tx.emit(events.OrderCreated, order)
        return order

    async def PriceOrder(self, request: PriceOrderRequest, calls: Calls) -> OrderMessage:
        """Gives the order as confirming it would make it, and keeps nothing. Refuses with BENEFITS_UNREACHABLE when it
        asks for benefits and nobody can say which it would get.
        """
        async with calls.runtime.transaction(calls.context) as tx:
            written = await self._write(request.order, tx)
            order = Order(number="", **tx.runtime.bindings.of(Order).values(written.message, creating=True))
            order.take_prices(written.priced)
            order.create_time = order.update_time = tx.now()
        if order.wishes:
            basket = basket_of(order.identity_id, order.currency_code, order.lines, order.wishes)
            order.take_benefits(await evaluated(calls, basket, order.next_benefit_key))
        async with calls.runtime.transaction(calls.context) as tx:
            answer: OrderMessage = tx.render(order)  # type: ignore[assignment]
        answer.ClearField("etag")
        return answer

    async def UpdateOrder(self, request: UpdateOrderRequest, tx: Tx) -> Order:
        """Changes a draft and prices it anew. Refuses once it is confirmed."""
        order = await tx.get(Order, request.order.id, etag=request.order.etag, lock=True)
        order.must_be_draft()
        await tx.patch(order, request.order, request.update_mask if request.HasField("update_mask") else None)
        await confirming.hold(tx, order)
        tx.emit(events.OrderUpdated, order)
        return order

    async def DeleteOrder(self, request: DeleteOrderRequest, tx: Tx) -> Empty:
        """Removes a draft. Refuses once it is confirmed."""
        order = await tx.get(Order, request.id, etag=request.etag, lock=True)
        order.must_be_draft()
        tx.emit(events.OrderDeleted, order)
        await tx.delete(order)
        return Empty()

    async def ConfirmOrder(self, request: ConfirmOrderRequest, tx: Tx) -> Order:
        """Counts as a sale from here. Refuses with ORDER_INVALID when it no longer holds, for credit too."""
        order = await tx.get(Order, request.id, lock=True)
        if order.wishes:
            # Asked before anything is refused: a repetition finds its reply among the processes.
            raise InSteps
        check_etag(order, request.etag)
        order.must_be_draft()
        await standing.hold(tx, order)
        facts = await confirming.hold(tx, order)
        return await confirming.confirm(tx, order, request, facts)

    async def ConfirmOrderInSteps(self, request: ConfirmOrderRequest, process: Process) -> OrderMessage:
        """Keeps the benefits that the order asks for, and confirms it with them."""
        return await till.confirm(request, process)

    async def FulfillOrder(self, request: FulfillOrderRequest, tx: Tx) -> Order:
        """Everything was delivered."""
        order = await tx.get(Order, request.id, etag=request.etag, lock=True)
        order.fulfill(tx.now())
        tx.emit(events.OrderFulfilled, order)
        return order

    async def CancelOrder(self, request: CancelOrderRequest, tx: Tx) -> Order:
        """Takes it back; a confirmed one counts no more.

        Refuses once it is delivered, and with money or returns on it.
        """
        order = await tx.get(Order, request.id, etag=request.etag, lock=True)
        await standing.hold(tx, order)
        counted = order.cancel(tx.now(), request.reason)
        if counted:
            await standing.order_cancelled(tx, order)
        tx.emit(events.OrderCancelled, order, was_confirmed=counted)
        return order

    async def ReturnOrderLines(self, request: ReturnOrderLinesRequest, tx: Tx) -> Order:
        """Takes lines back. Refuses with ORDER_INVALID when more comes back than was bought."""
        order = await tx.get(Order, request.id, etag=request.etag, lock=True)
        order.must_be_returnable()
        plan = rules.plan_return(
            order.lines, [(item.line_no, item.quantity) for item in request.returns], order.currency_code
        )
        if plan.returned is None:
            raise OrderInvalid(count=len(plan.faults), violations=plan.faults)
        before = order.reporting_of(order.returned)
        order.take_back(plan.returned)
        reporting = order.reporting_of(order.returned) - before
        tx.emit(
            events.OrderReturned,
            order,
            return_id=str(new_id()),
            lines=[TransactionLine(**piece) for piece in plan.returned.pieces],
            amount=plan.returned.amount,
            reporting_amount=reporting,
            reason=request.reason,
        )
        return order

    async def _write(self, message: Any, tx: Tx) -> _Written:
        offered_by: UUID | None = None
        if message.quote_id:
            message, offered_by = await self._follow(message, tx)
        prepared = await pricing.prepare(tx, message, offered_by=offered_by)
        filled, faults = prepared.message, prepared.faults
        if not filled.lines:
            faults.append(Violation("lines", "LINES_MISSING", "Name at least one product that is ordered."))
        if not filled.currency_code:
            faults.append(
                Violation("currency_code", "CURRENCY_MISSING", "Name the currency of the order, such as CNY.")
            )
        priced = await pricing.priced(
            tx,
            pricing.lines_of(filled.lines),
            pricing.lines_of(filled.adjustments),
            currency=filled.currency_code,
            include_tax=filled.prices_include_tax,
            open_lines=bool(filled.quote_id),
            customer=prepared.customer,
            unit_id=UUID(filled.seller_unit_id) if filled.seller_unit_id else None,
            day=prepared.unit.day(tx.now()),
        )
        faults = [
            *faults,
            *priced.faults,
            *await confirming.credit_faults(tx, prepared.customer, priced.total, prepared.unit.day(tx.now())),
        ]
        confirming.refuse(faults)
        return _Written(filled, prepared.customer, priced, prepared.unit.day(tx.now()).year)

    @staticmethod
    async def _follow(given: Any, tx: Tx) -> tuple[Any, UUID]:
        """Takes over an accepted quote and says who offered it. The quote is held, so two orders of it cannot be made
        at once.
        """
        message = OrderMessage()
        message.CopyFrom(given)
        quote = await tx.get(Quote, message.quote_id, lock=True)
        if quote.state != "ACCEPTED":
            raise QuoteNotAccepted(quote_id=quote.id, state=quote.state)
        taken = await store.order_of_quote(tx, quote.id)
        if taken is not None:
            raise QuoteAlreadyOrdered(quote_id=quote.id, number=taken.number)
        offered: Any = tx.render(quote)
        for name in (
            "customer_id",
            "identity_id",
            "party_id",
            "seller_unit_id",
            "unit_id",
            "opportunity_id",
            "currency_code",
        ):
            if not getattr(message, name):
                setattr(message, name, getattr(offered, name))
        if not message.lines:
            message.lines.extend(offered.lines)
            message.prices_include_tax = offered.prices_include_tax
            if not message.adjustments:
                message.adjustments.extend(offered.adjustments)
        return message, quote.seller_unit_id


@invariant
async def totals_equal_lines(tx: Tx) -> Finding:
    """Every order's total is the sum of its lines, all in its one currency."""
    count, wrong = await store.count_wrong_totals(tx)
    return finding("orders.totals_equal_lines", count, wrong)


@invariant
async def took_what_was_given(calls: Calls) -> Finding:
    """What every order that counts took off by grants is what marketing gave for it."""
    return await agreement.orders_took_what_was_given(calls)
