"""Orders at marketing's till, through both real services: benefits come onto lines, and go back exactly."""

from __future__ import annotations

import asyncio
import random
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import grpc
import pytest

from support.benefits import basket, budget, grant, policy, promotion
from support.deals import catalogue, cny, line, new_customer, new_order, new_quote, told
from support.services import away
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1.benefit_service_pb2 import (
    BenefitReservation,
    ConfirmBenefitsRequest,
    ListBenefitReservationsRequest,
    ReleaseBenefitsRequest,
    ReserveBenefitsRequest,
)
from tercet.marketing.v1.budget_service_pb2 import GetBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import GetGrantRequest, Grant
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.customer_service_pb2 import Customer
from tercet.sales.v1.order_service_pb2 import (
    CancelOrderRequest,
    ConfirmOrderRequest,
    GetOrderRequest,
    Order,
    OrderReturn,
    PriceOrderRequest,
    ReturnOrderLinesRequest,
    UpdateOrderRequest,
)
from tercet.sales.v1.quote_service_pb2 import GetQuoteRequest, PreviewQuoteBenefitsRequest
from tercet_chassis.calls import Calls
from tercet_chassis.channels import ServiceUnavailable
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.process import Process
from tercet_chassis.process_runner import ProcessRunner
from tercet_chassis.testing import Client, Together, eventually, refused
from tercet_sales.orders import till


async def buyer_with(sales: Client, marketing: Client, *policies: str) -> tuple[Customer, list[Grant]]:
    """Somebody who holds a coupon of each policy."""
    customer = await new_customer(sales)
    held = [await grant(marketing, customer.identity_id, "coupon", code) for code in policies]
    return customer, held


async def confirm(sales: Client, order: Order, **more: Any) -> Order:
    answer: Order = await sales.ConfirmOrder(ConfirmOrderRequest(id=order.id, **more))
    return answer


async def state_of(marketing: Client, held: Grant) -> str:
    return Grant.State.Name((await marketing.GetGrant(GetGrantRequest(id=held.id))).state)


async def test_a_coupon_comes_onto_the_lines_and_goes_back_with_the_order(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00", "F2": "50.01"})
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="b", funded_by="manufacturer")
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1", "2"), line("F2"), auto_benefits=True)
    assert (order.reduction.amount, order.benefit_reduction.amount) == ("0.00", "")
    shown = await sales.PriceOrder(PriceOrderRequest(order=order))
    assert shown.benefit_reduction == cny("10.00")
    assert [one.grant_id for one in shown.benefits] == [held.id]
    done = await confirm(sales, order, expected_benefit_reduction=shown.benefit_reduction)
    assert (done.state, done.reduction, done.net) == (Order.CONFIRMED, cny("10.00"), cny("240.01"))
    assert done.total == shown.total
    first, second = (item.adjustments[0] for item in done.lines)
    assert (first.source, first.grant_id, first.policy_code, first.policy_version) == ("coupon", held.id, "ten", 1)
    assert (first.funded_by, first.amount.amount, second.amount.amount) == ("manufacturer", "8.00", "2.00")
    await sales.settled()
    assert await state_of(marketing, held) == "REDEEMED"
    assert (await marketing.GetBudget(GetBudgetRequest(id=money.id))).spent == cny("10.00")
    await sales.CancelOrder(CancelOrderRequest(id=order.id, reason="不要了"))
    await sales.settled()
    assert await state_of(marketing, held) == "ISSUED"
    assert (await marketing.GetBudget(GetBudgetRequest(id=money.id))).available == cny("100.00")
    again = await new_order(sales, customer, line("F1"), grant_ids=[held.id])
    assert (await confirm(sales, again)).benefit_reduction == cny("10.00")


async def test_a_named_code_that_cannot_be_used_refuses_the_order(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "big", {"threshold": "500", "off": "30"})
    customer, (held,) = await buyer_with(sales, marketing, "big")
    for wishes, field in (({"benefit_codes": ["WRONG"]}, "benefit_codes"), ({"grant_ids": [held.id]}, "grant_ids")):
        order = await new_order(sales, customer, line("F1"), **wishes)
        shown = await sales.PriceOrder(PriceOrderRequest(order=order))
        assert shown.withheld_benefits[0].hindrance in ("CODE_MISTYPED", "THRESHOLD_NOT_REACHED")
        assert shown.total == order.total
        with refused("BENEFITS_NOT_GIVEN", f"order.{field}"):
            await confirm(sales, order)
        now = await sales.GetOrder(GetOrderRequest(id=order.id))
        assert (now.state, now.benefit_key, list(now.benefits)) == (Order.DRAFT, "", [])
    # What was only tried, because it may give something, hinders nothing.
    order = await new_order(sales, customer, line("F1"), auto_benefits=True)
    done = await confirm(sales, order)
    assert (done.state, done.withheld_benefits[0].hindrance) == (Order.CONFIRMED, "THRESHOLD_NOT_REACHED")
    await sales.settled()
    assert {one.state for one in await reservations(marketing)} == {
        BenefitReservation.RELEASED,
        BenefitReservation.CONFIRMED,
    }


async def test_what_the_buyer_was_shown_must_still_hold(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, _ = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1"), auto_benefits=True)
    with refused("BENEFITS_DIFFER", "expected_benefit_reduction"):
        await confirm(sales, order, expected_benefit_reduction=cny("11.00"))
    assert (await confirm(sales, order, expected_benefit_reduction=cny("10.00"))).state == Order.CONFIRMED


async def test_credit_is_judged_by_what_is_left_to_pay(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer = await new_customer(sales, credit_limit=cny("113"))
    held = await grant(marketing, customer.identity_id, "coupon", "ten")
    order = await new_order(sales, customer, line("F1"), auto_benefits=True)
    assert (await confirm(sales, order)).total == cny("101.70")
    other = await grant(marketing, customer.identity_id, "coupon", "ten", "second")
    # The order holds by itself when it is written; another one makes it too much.
    late = await new_order(sales, customer, line("F1", "1", "10"), grant_ids=[other.id])
    early = await new_order(sales, customer, line("F1", "1", "10"))
    await confirm(sales, early)
    assert (await confirm(sales, late)).state == Order.CONFIRMED, "a coupon took all of it off"
    assert await state_of(marketing, held) in ("RESERVED", "REDEEMED")


async def test_gifts_that_were_not_ordered_are_added_for_nothing(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00", "G1": "12.00"})
    gifts = {"threshold": "100", "gifts": [{"product_code": "G1", "quantity": 2}]}
    await policy(marketing, "free", gifts)
    await promotion(marketing, "p", "full_gift", "free", campaign_id=str(new_id()))
    customer = await new_customer(sales)
    order = await new_order(sales, customer, line("F1"), line("G1"), auto_benefits=True)
    done = await confirm(sales, order)
    ordered, free, added = done.lines
    assert (ordered.total, free.total, added.total) == (cny("113.00"), cny("0.00"), cny("0.00"))
    assert (added.product_code, added.quantity) == ("G1", "1")
    await sales.settled()
    assert await broken(sales, marketing) == {}
    assert added.benefit_grant_id == done.benefits[0].grant_id == free.adjustments[0].grant_id
    assert free.adjustments[0].campaign_id
    # Somebody who orders the same again orders neither gift nor adjustment.
    again = await new_order(sales, customer, *done.lines)
    assert (len(again.lines), again.total.amount) == (2, "126.56")


RETURNS = [
    # The rule, and after each return: what is still spent, and the grant.
    ("PROPORTIONAL", [("6.67", "REDEEMED"), ("3.33", "REDEEMED"), ("0.00", "ISSUED")]),
    ("NOTHING", [("10.00", "REDEEMED"), ("10.00", "REDEEMED"), ("10.00", "REDEEMED")]),
]


@pytest.mark.parametrize(("rule", "after"), RETURNS)
async def test_what_comes_back_of_an_order_comes_back_of_its_benefits(
    sales: Client, marketing: Client, rule: str, after: list[tuple[str, str]]
) -> None:
    await catalogue(sales, {"F1": "100.00"})
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="b", return_rule=rule)
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await confirm(sales, await new_order(sales, customer, line("F1", "3"), auto_benefits=True))
    refunds = []
    for spent, state in after:
        back = ReturnOrderLinesRequest(id=order.id, returns=[OrderReturn(line_no=1, quantity="1")])
        refunds.append((await sales.ReturnOrderLines(back)).returned_total.amount)
        await sales.settled()
        now = await marketing.GetBudget(GetBudgetRequest(id=money.id))
        assert (now.available, now.spent) == (cny(f"{100 - Decimal(spent)}"), cny(spent))
        assert await state_of(marketing, held) == state
    assert refunds[-1] == order.total.amount == "327.70"
    assert await broken(sales, marketing) == {}


async def test_of_many_orders_with_one_grant_one_gets_it(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    orders = [await new_order(sales, customer, line("F1"), grant_ids=[held.id]) for _ in range(8)]

    async def attempt(order: Order) -> str:
        try:
            return Order.State.Name((await confirm(sales, order)).state)
        except Refusal as refusal:
            return refusal.reason

    answers = await asyncio.gather(*(attempt(order) for order in orders))
    assert sorted(answers) == ["BENEFITS_NOT_GIVEN"] * 7 + ["CONFIRMED"]
    await sales.settled()
    assert await state_of(marketing, held) == "REDEEMED"
    assert await broken(sales, marketing) == {}


async def test_without_marketing_orders_go_on_and_benefits_wait(
    sales: Client, marketing: Client, together: Together
) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1"), grant_ids=[held.id])
    async with away(together, "marketing"):
        plain = await new_order(sales, customer, line("F1"))
        assert (await confirm(sales, plain)).state == Order.CONFIRMED
        for ask in (confirm(sales, order), sales.PriceOrder(PriceOrderRequest(order=order))):
            with refused("BENEFITS_UNREACHABLE", "benefit_codes"):
                await ask
        assert (await sales.GetOrder(GetOrderRequest(id=order.id))).state == Order.DRAFT

    async def confirmed_again() -> bool:
        try:
            return (await confirm(sales, order)).state == Order.CONFIRMED
        except Refusal as refusal:
            if refusal.reason != "BENEFITS_UNREACHABLE":
                raise
            return False

    await eventually(confirmed_again, within=30)
    await sales.settled()
    assert await state_of(marketing, held) == "REDEEMED"


async def test_what_was_kept_while_the_reply_was_lost_is_released(
    sales: Client, marketing: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1"), grant_ids=[held.id])
    call = Calls.__call__

    async def lost(calls: Calls, service: str, rpc: str, request: Any, **more: Any) -> Any:
        await call(calls, service, rpc, request, **more)
        raise ServiceUnavailable(service=service, cause="the test loses the reply")

    with monkeypatch.context() as patched:
        patched.setattr(Calls, "__call__", lost)
        with refused("BENEFITS_UNREACHABLE"):
            await confirm(sales, order)
    await sales.settled()
    (kept,) = await reservations(marketing)
    assert (kept.state, await state_of(marketing, held)) == (BenefitReservation.RELEASED, "ISSUED")
    assert (await confirm(sales, order)).benefit_reduction == cny("10.00")


async def test_whatever_becomes_of_many_orders_money_and_grants_agree(sales: Client, marketing: Client) -> None:
    choose = random.Random(7)
    await catalogue(sales, {"F1": "33.33", "F2": "10.01"})
    money = await budget(marketing, "b", "500.00")
    await policy(marketing, "coupon", {"off": "7.01"}, budget_code="b")
    await policy(marketing, "week", {"threshold": "50", "percent": "9"}, budget_code="b", redeem_limits={"total": 5})
    await promotion(marketing, "week", "full_reduction", "week")
    buyers = [(await buyer_with(sales, marketing, "coupon"))[0] for _ in range(3)]
    bought = [line("F1", "2"), line("F2", "3")]
    orders = [await new_order(sales, choose.choice(buyers), *bought, auto_benefits=True) for _ in range(12)]

    async def life(order: Order) -> None:
        await confirm(sales, order)
        end = choose.choice(("stays", "cancelled", "returned", "returned in part"))
        if end == "cancelled":
            await sales.CancelOrder(CancelOrderRequest(id=order.id))
        for number, quantity in ((1, "1"), (2, "2"), (1, "1"), (2, "1")):
            if end == "returned" or (end == "returned in part" and number == 2):
                piece = OrderReturn(line_no=number, quantity=quantity)
                await sales.ReturnOrderLines(ReturnOrderLinesRequest(id=order.id, returns=[piece]))

    await asyncio.gather(*(life(order) for order in orders))
    await sales.settled()
    spent = Decimal(0)
    for order in orders:
        now = await sales.GetOrder(GetOrderRequest(id=order.id))
        for item in now.lines if now.state == Order.CONFIRMED else ():
            back = Decimal(item.returned_quantity or "0") / Decimal(item.quantity)
            for share in item.adjustments:
                amount = Decimal(share.amount.amount)
                spent += amount - (amount * back).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    figures = await marketing.GetBudget(GetBudgetRequest(id=money.id))
    assert (Decimal(figures.spent.amount), Decimal(figures.available.amount)) == (spent, 500 - spent)
    assert spent
    assert await broken(sales, marketing) == {}


CUTS = ["begin", "reserve", "reserve unrecorded", "finish"]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("ends", ["CONFIRMED", "DRAFT"])
async def test_a_confirmation_that_was_cut_off_goes_on_or_is_taken_back(
    sales: Client, marketing: Client, monkeypatch: pytest.MonkeyPatch, cut: str, ends: str
) -> None:
    await catalogue(sales, {"F1": "100.00"})
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="b", redeem_limits={"total": 1})
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    order = await new_order(sales, customer, line("F1"), grant_ids=[held.id])
    record, blows = Process._record, [cut]

    async def cut_off(process: Process, tx: Any, name: str, result: Any) -> None:
        if blows == [f"{name} unrecorded"] or (blows == ["finish"] and name == "finish"):
            blows.clear()
            raise RuntimeError("the test cuts it off before the step is recorded")
        await record(process, tx, name, result)
        if blows == [name]:
            blows.append("next")

    async def hold(process: Process, tx: Any) -> None:
        if blows[1:]:
            blows.clear()
            raise RuntimeError("the test cuts it off after the step")
        await held_lease(process, tx)

    held_lease = Process._hold

    async def leave(runner: ProcessRunner) -> int:
        return 0

    # Only the caller's repetition takes it up again, so that what is between can be looked at.
    monkeypatch.setattr(ProcessRunner, "resume_abandoned", leave)
    monkeypatch.setattr(Process, "_record", cut_off)
    monkeypatch.setattr(Process, "_hold", hold)
    request = ConfirmOrderRequest(id=order.id, etag=order.etag)
    with pytest.raises((Refusal, grpc.aio.AioRpcError)):
        await sales.ConfirmOrder(request, request_id="once")
    assert not blows
    assert (await sales.GetOrder(GetOrderRequest(id=order.id))).state == Order.CONFIRMING
    with refused("ORDER_NOT_DRAFT"):
        await sales.UpdateOrder(UpdateOrderRequest(order=Order(id=order.id, note="x"), update_mask={"paths": ["note"]}))
    with refused("ORDER_CANNOT_BE_CANCELLED"):
        await sales.CancelOrder(CancelOrderRequest(id=order.id))
    if ends == "DRAFT":
        monkeypatch.setattr(till, "MARGIN", till.HOLD * 2)
        with refused("BENEFITS_LAPSED"):
            await sales.ConfirmOrder(request, request_id="once")
    else:
        done = await sales.ConfirmOrder(request, request_id="once")
        assert await sales.ConfirmOrder(request, request_id="once") == done
    await sales.settled()
    now = await sales.GetOrder(GetOrderRequest(id=order.id))
    spent = await marketing.GetBudget(GetBudgetRequest(id=money.id))
    (kept,) = await reservations(marketing)
    if ends == "DRAFT":
        assert (now.state, now.benefit_key, kept.state) == (Order.DRAFT, "", BenefitReservation.RELEASED)
        assert (spent.available, await state_of(marketing, held)) == (cny("100.00"), "ISSUED")
        with refused("RESERVATION_ENDED"):
            await marketing.ReserveBenefits(ReserveBenefitsRequest(key=kept.key, basket=basket(new_id(), "1")))
    else:
        assert (now.state, now.benefit_key, kept.state) == (Order.CONFIRMED, kept.key, BenefitReservation.CONFIRMED)
        assert (spent.spent, await state_of(marketing, held)) == (cny("10.00"), "REDEEMED")
        assert len(await told(sales, events.OrderConfirmed)) == 1
    assert await broken(sales, marketing) == {}


async def test_the_check_finds_what_one_side_alone_holds(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, _ = await buyer_with(sales, marketing, "ten")
    order = await confirm(sales, await new_order(sales, customer, line("F1"), auto_benefits=True))
    await sales.settled()
    assert await broken(sales, marketing) == {}
    with refused("RESERVATION_OF_ORDER"):
        await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=order.benefit_key))
    marketing = marketing.as_(kind="system")
    await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=order.benefit_key))
    assert await broken(sales, marketing) == {"orders.took_what_was_given": [order.number]}
    other = await new_order(sales, customer, line("F1"))
    stray = ReserveBenefitsRequest(key=f"order:{other.id}:1", basket=basket(customer.identity_id, "50.00"))
    await marketing.ReserveBenefits(stray)
    await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=stray.key))
    assert (await broken(sales, marketing))["till.used_for_orders_that_count"] == [stray.key]


async def test_a_quote_shows_what_benefits_would_give(sales: Client, marketing: Client) -> None:
    await catalogue(sales, {"F1": "100.00"})
    await policy(marketing, "ten", {"off": "10"})
    customer, (held,) = await buyer_with(sales, marketing, "ten")
    quote = await new_quote(sales, customer, line("F1"))
    shown = await sales.PreviewQuoteBenefits(PreviewQuoteBenefitsRequest(id=quote.id, auto_benefits=True))
    assert (shown.benefit_reduction, shown.total) == (cny("10.00"), cny("101.70"))
    assert (shown.benefits[0].grant_id, shown.lines[0].total) == (held.id, cny("101.70"))
    assert (await sales.GetQuote(GetQuoteRequest(id=quote.id))).total == cny("113.00")
    assert not await reservations(marketing)


async def reservations(marketing: Client) -> list[BenefitReservation]:
    answer = await marketing.ListBenefitReservations(ListBenefitReservationsRequest())
    return list(answer.benefit_reservations)


_OURS = ("orders.", "till.", "ledgers.", "events.of_sales", "events.of_marketing")


async def broken(*services: Client) -> dict[str, list[str]]:
    """The promises about orders, the till and ledgers that do not hold, with their examples."""
    found = {}
    for service in services:
        for finding in (await service.CheckInvariants(CheckInvariantsRequest(), timeout=60)).findings:
            if finding.invariant.startswith(_OURS) and not finding.holds:
                found[finding.invariant] = list(finding.examples)
    return found
