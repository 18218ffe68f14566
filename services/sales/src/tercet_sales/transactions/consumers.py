"""Our own orders as transactions, the same fact that an imported receipt makes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import NotYet, Tx, derived_id, effect
from tercet_chassis.money import Money
from tercet_sales.transactions import store
from tercet_sales.transactions.model import Transaction

ORIGINS = ("live", "import")


def _money(message: Any) -> Money:
    return Money(Decimal(message.amount), message.currency_code)


def sale_id_of(order_id: str | UUID) -> UUID:
    """The id of the transaction that an order's sale is."""
    return derived_id("sale", order_id)


@effect(events.OrderConfirmed, origins=ORIGINS)
async def record_sale(event: Any, tx: Tx) -> None:
    """A confirmed order is a sale."""
    order = event.order
    moment: datetime = order.confirm_time.ToDatetime(tzinfo=tx.now().tzinfo)
    sale = Transaction(
        id=sale_id_of(order.id),
        kind="SALE",
        sale_id=sale_id_of(order.id),
        sale_time=moment,
        occur_time=moment,
        order_id=UUID(order.id),
        identity_id=UUID(order.identity_id),
        party_id=UUID(order.party_id),
        unit_id=UUID(order.seller_unit_id),
        owner_id=UUID(order.owner_id) if order.owner_id else None,
        partner_party_id=UUID(order.partner_party_id) if order.partner_party_id else None,
        amount=_money(order.total),
        reporting_amount=_money(order.reporting_total),
        rate_id=UUID(order.rate_id) if order.rate_id else None,
        campaign_id=UUID(order.campaign_id) if order.campaign_id else None,
        lines=[_line(line.product_code, line.quantity, line.total, 1) for line in order.lines],
    )
    tx.add(sale)
    tx.emit(events.TransactionRecorded, sale, occur_time=moment)


@effect(events.OrderCancelled, origins=ORIGINS)
async def record_cancellation(event: Any, tx: Tx) -> None:
    """A cancelled order that had counted takes its sale back."""
    if not event.was_confirmed:
        return
    order = event.order
    sale = await _sale(tx, order.id)
    _reverse(
        tx,
        sale,
        derived_id("cancellation", order.id),
        "CANCELLATION",
        _money(order.total),
        _money(order.reporting_total),
        [_line(line.product_code, line.quantity, line.total, -1) for line in order.lines],
    )


@effect(events.OrderReturned, origins=ORIGINS)
async def record_return(event: Any, tx: Tx) -> None:
    """What came back takes a part of the sale back."""
    sale = await _sale(tx, event.order.id)
    _reverse(
        tx,
        sale,
        derived_id("return", event.return_id),
        "RETURN",
        _money(event.amount),
        _money(event.reporting_amount),
        [_line(line.product_code, line.quantity, line.amount, -1) for line in event.lines],
    )


async def _sale(tx: Tx, order_id: str) -> Transaction:
    sale = await store.transaction(tx, sale_id_of(order_id))
    if sale is None:
        raise NotYet(f"the sale of order {order_id} is not recorded")
    return sale


def _reverse(
    tx: Tx, sale: Transaction, id: UUID, kind: str, amount: Money, reporting: Money, lines: list[dict[str, Any]]
) -> None:
    moment = tx.event.occur_time
    reversal = Transaction(
        id=id,
        kind=kind,
        sale_id=sale.id,
        sale_time=sale.sale_time,
        occur_time=moment,
        order_id=sale.order_id,
        identity_id=sale.identity_id,
        party_id=sale.party_id,
        unit_id=sale.unit_id,
        owner_id=sale.owner_id,
        partner_party_id=sale.partner_party_id,
        amount=-amount,
        reporting_amount=-reporting,
        rate_id=sale.rate_id,
        campaign_id=sale.campaign_id,
        lines=lines,
    )
    tx.add(reversal)
    tx.emit(events.TransactionRecorded, reversal, occur_time=moment)


def _line(product_code: str, quantity: str, amount: Any, sign: int) -> dict[str, Any]:
    worth = _money(amount) * sign
    return {
        "product_code": product_code,
        "quantity": f"{Decimal(quantity) * sign:f}",
        "amount": {"currency_code": worth.currency, "amount": worth.text()},
    }
