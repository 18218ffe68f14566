"""Confirming an order that asks for benefits: they are kept for it first, then it counts as a sale.

Marketing hears of the sale, of its end and of what came back through the order's events, so nobody waits for it then
and none of it is lost while it is away. What is kept for an order that is not confirmed after all is released likewise.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tercet.marketing.v1.benefit_service_pb2 import BenefitReservation, ReserveBenefitsRequest
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.order_service_pb2 import ConfirmOrderRequest
from tercet.sales.v1.order_service_pb2 import Order as OrderMessage
from tercet_chassis import Process, Refusal, Tx
from tercet_chassis.errors import Violation
from tercet_sales.orders import confirming, standing
from tercet_sales.orders.errors import BenefitsDiffer, BenefitsLapsed, BenefitsNotGiven
from tercet_sales.orders.model import Order
from tercet_sales.pricing import benefits, till
from tercet_sales.pricing.benefits import Given, Wishes
from tercet_sales.pricing.store import lines_of

# Sales releases what it does not need by itself; this only ends what is kept for a house that never came back.
HOLD = timedelta(days=1)
# A sale is only made while so much of the time is left that its event surely comes in time.
MARGIN = HOLD / 2


async def confirm(request: ConfirmOrderRequest, process: Process) -> OrderMessage:
    """Keeps the benefits and confirms the order with them. Refuses as the order, the till or the buyer's expectation
    do, and it is a draft again.
    """
    refused: list[Refusal] = []

    async def undo(tx: Tx, request: ConfirmOrderRequest) -> None:
        # Without a refusal at hand the process was cut off while it was being taken back.
        await take_back(tx, request.id, refused[-1].reason if refused else "")

    order = await process.step("begin", begin, request, undo=undo)
    try:
        kept = await _kept(process, order, request)
        result: OrderMessage = await process.step("finish", finish, request, kept)
    except Refusal as refusal:
        refused.append(refusal)
        raise
    return result


async def begin(tx: Tx, request: ConfirmOrderRequest) -> Order:
    """CONFIRMING, priced without benefits. Refuses what is no draft, and ORDER_INVALID; credit is judged at the end."""
    order = await tx.get(Order, request.id, etag=request.etag, lock=True)
    order.begin_confirmation()
    await confirming.hold(tx, order, credit=False)
    tx.emit(events.OrderUpdated, order)
    return order


async def finish(tx: Tx, request: ConfirmOrderRequest, kept: BenefitReservation) -> Order:
    """CONFIRMED, with what is kept for it on its lines. Refuses when a code or grant that it names is not given, when
    credit does not hold, and when what is kept ends soon.
    """
    order = await tx.get(Order, request.id, lock=True)
    await standing.hold(tx, order)
    until = kept.expire_time.ToDatetime(tzinfo=tx.now().tzinfo)
    if kept.key != order.benefit_key or until - tx.now() < MARGIN:
        raise BenefitsLapsed(number=order.number, until=until.isoformat())
    given = till.given_of(kept, order.currency_code)
    must_give_what_is_named(order.wishes, given)
    order.take_benefits(given)
    facts = await confirming.hold_credit(tx, order)
    return await confirming.confirm(tx, order, request, facts)


async def take_back(tx: Tx, order_id: str, reason: str) -> None:
    """A draft again; what may be kept for it is released, also when it comes to be kept only later."""
    order = await tx.get(Order, order_id, lock=True)
    key = order.take_confirmation_back()
    tx.emit(events.OrderConfirmationRefused, order, released_key=key, reason=reason)


def must_give_what_is_named(wishes: Wishes, given: Given) -> None:
    """Refuses when a code or grant that was named is withheld, unless something better is used instead."""
    missing = benefits.not_given(wishes, given.withheld)
    if missing:
        wrong = [
            Violation(
                "order.benefit_codes" if one.get("code") else "order.grant_ids",
                one["hindrance"],
                f"{one.get('code') or one.get('grant_id')}: {one.get('explanation', '')}",
            )
            for one in missing
        ]
        detail = " ".join(violation.message for violation in wrong)
        raise BenefitsNotGiven(count=len(missing), detail=detail, violations=wrong)


async def _kept(process: Process, order: OrderMessage, request: ConfirmOrderRequest) -> BenefitReservation:
    wishes = wishes_of(order)
    asked = ReserveBenefitsRequest(
        key=order.benefit_key,
        basket=till.basket_of(order.identity_id, order.currency_code, lines_of(order.lines), wishes),
        reference=order.id,
        hold_seconds=int(HOLD.total_seconds()),
    )
    if request.HasField("expected_benefit_reduction"):
        asked.expected_total.CopyFrom(request.expected_benefit_reduction)
    try:
        kept: BenefitReservation = await process.call("reserve", till.SERVICE, "ReserveBenefits", asked)
    except Refusal as refusal:
        if refusal.reason == "BENEFITS_CHANGED":
            raise BenefitsDiffer(detail=refusal.message) from refusal
        raise till.unreachable(refusal) from refusal
    return kept


def wishes_of(message: Any) -> Wishes:
    """What an order's message asks for."""
    return Wishes(tuple(message.benefit_codes), tuple(message.grant_ids), message.auto_benefits)
