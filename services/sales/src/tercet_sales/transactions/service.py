"""Payments of orders, and transactions of other systems."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.payment_service_pb2 import CreatePaymentRequest, RefundPaymentRequest
from tercet.sales.v1.payment_service_pb2 import Refund as RefundMessage
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsRequest, ImportReceiptsResponse
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.context import IMPORT, LIVE
from tercet_chassis.invariants import finding
from tercet_chassis.money import Money
from tercet_sales.orders.model import Order
from tercet_sales.transactions import receipts, store
from tercet_sales.transactions.model import Payment, must_be_payable

Finding = CheckInvariantsResponse.Finding


def _money(message: Any) -> Money:
    return Money(Decimal(message.amount), message.currency_code)


def _moment(message: Any, name: str, tx: Tx) -> datetime:
    return getattr(message, name).ToDatetime(tzinfo=tx.now().tzinfo) if message.HasField(name) else tx.now()


class PaymentService(Handlers):
    """Serves tercet.sales.v1.PaymentService."""

    async def CreatePayment(self, request: CreatePaymentRequest, tx: Tx) -> Payment:
        """Records money that came in.

        The order is held, so that payments at the same time cannot exceed its total together.
        """
        amount = _money(request.payment.amount)
        must_be_payable(amount)
        order = await tx.get(Order, request.payment.order_id, lock=True)
        order.receive(amount)
        payment = await tx.create(Payment, request.payment)
        payment.identity_id, payment.party_id = order.identity_id, order.party_id
        payment.unit_id, payment.owner_id, payment.partner_party_id = (
            order.unit_id,
            order.owner_id,
            order.partner_party_id,
        )
        payment.paid_time = payment.paid_time or tx.now()
        payment.refunded = Money.zero(amount.currency)
        tx.emit(
            events.PaymentReceived,
            payment,
            occur_time=payment.paid_time,
            order_paid_total=order.paid,
            order_total=order.owed,
        )
        return payment

    async def RefundPayment(self, request: RefundPaymentRequest, tx: Tx) -> Payment:
        """Gives money back.

        Refuses more than is left; a refund that the provider told before is answered and not made again.
        """
        payment = await tx.get(Payment, request.id)
        # The order is held first, as a payment holds it, so that the two cannot wait for each other.
        order = await tx.session.get_one(
            Order, (tx.tenant_id, payment.order_id), with_for_update=True, populate_existing=True
        )
        payment = await tx.get(Payment, request.id, lock=True)
        if payment.has_refund(request.external_id):
            return payment
        payment = await tx.get(Payment, request.id, etag=request.etag)
        amount = _money(request.amount)
        record = payment.refund(amount, _moment(request, "refund_time", tx), request.reason, request.external_id)
        order.give_back(amount)
        refund = RefundMessage(reason=record["reason"], external_id=record["external_id"], amount=record["amount"])
        refund.refund_time.FromJsonString(record["refund_time"])
        tx.emit(
            events.PaymentRefunded,
            payment,
            refund=refund,
            order_paid_total=order.paid,
            occur_time=_moment(request, "refund_time", tx),
        )
        return payment


class TransactionService(Handlers):
    """Serves tercet.sales.v1.TransactionService."""

    async def ImportReceipts(self, request: ImportReceiptsRequest, tx: Tx) -> ImportReceiptsResponse:
        """Takes receipts of other systems; the wrong ones are told, the others are taken."""
        origin = LIVE if request.automations else IMPORT
        return await receipts.take(tx, request.receipts, origin=origin, check_only=request.validate_only)


@invariant
async def payments_within_orders(tx: Tx) -> Finding:
    """What was paid and not refunded is what the order says, and never more than its total."""
    return finding("payments.within_orders", *await store.wrong_payments(tx))


@invariant
async def sales_not_overdrawn(tx: Tx) -> Finding:
    """No more was taken back of a sale than there was."""
    return finding("transactions.sales_not_overdrawn", *await store.overdrawn_sales(tx))
