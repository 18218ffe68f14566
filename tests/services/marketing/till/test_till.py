"""The till on the real service: what an order gets is kept, made final and given back, each once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from support.benefits import basket, budget, grant, policy, promotion, reserve
from support.deals import cny, told
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.benefit_service_pb2 import (
    BenefitReservation,
    ConfirmBenefitsRequest,
    EvaluateBenefitsRequest,
    Evaluation,
    Promotion,
    ReleaseBenefitsRequest,
    UpdatePromotionRequest,
)
from tercet.marketing.v1.budget_service_pb2 import Budget, GetBudgetRequest
from tercet.marketing.v1.code_service_pb2 import CreateSharedCodeRequest
from tercet.marketing.v1.grant_service_pb2 import GetGrantRequest, Grant, ListGrantsRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.till.jobs import release_overdue

FULL = {"threshold": "500", "off": "30"}


async def evaluated(marketing: Client, of: Any, key: str = "") -> Evaluation:
    answer: Evaluation = await marketing.EvaluateBenefits(EvaluateBenefitsRequest(basket=of, key=key))
    return answer


async def confirm(marketing: Client, key: str) -> BenefitReservation:
    answer: BenefitReservation = await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=key))
    return answer


async def release(marketing: Client, key: str) -> BenefitReservation:
    answer: BenefitReservation = await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=key))
    return answer


async def state_of(marketing: Client, id: str) -> str:
    found = await marketing.GetGrant(GetGrantRequest(id=id))
    return Grant.State.Name(found.state)


async def figures(marketing: Client, of: Budget) -> tuple[str, str]:
    now = await marketing.GetBudget(GetBudgetRequest(id=of.id))
    return now.available.amount, now.spent.amount


@pytest.mark.parametrize(("amount", "off"), [("499.99", "0.00"), ("500.00", "30.00"), ("500.01", "30.00")])
async def test_a_full_reduction_counts_from_its_threshold_on(marketing: Client, amount: str, off: str) -> None:
    await policy(marketing, "500-30", FULL)
    await promotion(marketing, "week", "full_reduction", "500-30")
    answer = await evaluated(marketing, basket(new_id(), amount))
    assert answer.total.amount == off
    if off == "0.00":
        (why,) = answer.withheld
        assert (why.promotion_code, why.hindrance) == ("week", "THRESHOLD_NOT_REACHED")


async def test_line_adjustments_add_up_to_the_benefit(marketing: Client) -> None:
    campaign = str(new_id())
    await policy(marketing, "100-10", {"threshold": "100", "off": "10"}, funded_by="manufacturer")
    await promotion(marketing, "p", "full_reduction", "100-10", campaign_id=campaign)
    kept = await marketing.ReserveBenefits(reserve("o1", basket(new_id(), "33.33", "33.33", "33.34", "0")))
    assert [item.amount.amount for item in kept.adjustments] == ["3.33", "3.33", "3.34"]
    assert sum(Decimal(item.amount.amount) for item in kept.adjustments) == 10
    (applied,) = kept.applied
    assert {item.grant_id for item in kept.adjustments} == {applied.grant_id}
    first = kept.adjustments[0]
    assert (first.source, first.funded_by, first.campaign_id) == ("full_reduction", "manufacturer", campaign)
    made = await marketing.GetGrant(GetGrantRequest(id=applied.grant_id))
    assert (made.state, made.promotion_code, made.amount.amount) == (Grant.RESERVED, "p", "10.00")


async def test_a_coupon_is_kept_used_and_given_back(marketing: Client) -> None:
    buyer = new_id()
    money = await budget(marketing, "spring", "100.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="spring", redeem_limits={"total": 1})
    held = await grant(marketing, buyer, "coupon", "ten")
    kept = await marketing.ReserveBenefits(reserve("o1", basket(buyer, "50.00"), reference="SO-1"))
    assert (kept.state, kept.total.amount) == (BenefitReservation.RESERVED, "10.00")
    assert await state_of(marketing, held.id) == "RESERVED"
    assert await figures(marketing, money) == ("90.00", "0.00")
    assert await marketing.ReserveBenefits(reserve("o1", basket(buyer, "50.00"), reference="SO-1")) == kept
    with refused("BENEFIT_KEY_REUSED"):
        await marketing.ReserveBenefits(reserve("o1", basket(buyer, "51.00")))
    done = await confirm(marketing, "o1")
    assert done.state == BenefitReservation.CONFIRMED
    assert await confirm(marketing, "o1") == done
    assert await state_of(marketing, held.id) == "REDEEMED"
    assert await figures(marketing, money) == ("90.00", "10.00")
    back = await release(marketing, "o1")
    assert back.state == BenefitReservation.RELEASED
    assert await release(marketing, "o1") == back
    assert await state_of(marketing, held.id) == "ISSUED"
    assert (await figures(marketing, money))[0] == "100.00"
    with refused("RESERVATION_ENDED"):
        await confirm(marketing, "o1")
    # The use was given back too: of the one that is allowed there is one again.
    again = await marketing.ReserveBenefits(reserve("o2", basket(buyer, "50.00")))
    assert again.applied[0].grant_id == held.id
    assert len(await told(marketing, events.GrantRestored)) == 1


async def test_what_is_not_confirmed_in_time_is_given_back(marketing: Client) -> None:
    buyer = new_id()
    money = await budget(marketing, "b", "10.00")
    await policy(marketing, "ten", {"off": "10"}, budget_code="b")
    held = await grant(marketing, buyer, "coupon", "ten")
    kept = await marketing.ReserveBenefits(reserve("o1", basket(buyer, "50.00"), hold_seconds=60))
    async with marketing.transaction() as tx:
        tx._now = tx.now() + timedelta(seconds=61)
        await release_overdue(tx, reservation_id=kept.id)
        await release_overdue(tx, reservation_id=kept.id)
    assert await state_of(marketing, held.id) == "ISSUED"
    assert (await figures(marketing, money))[0] == "10.00"
    with refused("RESERVATION_ENDED"):
        await confirm(marketing, "o1")


async def test_a_release_that_comes_first_ends_the_key(marketing: Client) -> None:
    assert (await release(marketing, "lost")).state == BenefitReservation.RELEASED
    assert (await release(marketing, "lost")).state == BenefitReservation.RELEASED
    with refused("RESERVATION_ENDED"):
        await marketing.ReserveBenefits(reserve("lost", basket(new_id(), "50.00")))
    with refused("RESERVATION_UNKNOWN"):
        await confirm(marketing, "never")


async def test_of_two_coupons_the_better_is_used(marketing: Client) -> None:
    buyer = new_id()
    await policy(marketing, "ten", {"off": "10"})
    await policy(marketing, "fifth", {"percent": "20"})
    await policy(marketing, "store", {"off": "5"}, stacking={"exclusive_group": "store"})
    ten, fifth, store = [
        await grant(marketing, buyer, "coupon", code, with_code=False) for code in ("ten", "fifth", "store")
    ]
    small = await evaluated(marketing, basket(buyer, "40.00"))
    assert {one.grant_id for one in small.applied} == {ten.id, store.id}
    large = await evaluated(marketing, basket(buyer, "100.00"))
    assert {one.grant_id for one in large.applied} == {fifth.id, store.id}
    assert [(one.grant_id, one.hindrance) for one in large.withheld] == [(ten.id, "OTHER_IS_BETTER")]
    assert large == await evaluated(marketing, basket(buyer, "100.00"))


async def test_one_that_stands_alone_is_used_alone(marketing: Client) -> None:
    buyer = new_id()
    await policy(marketing, "half", {"percent": "50"}, stacking={"alone": True})
    await policy(marketing, "ten", {"off": "10"}, stacking={"exclusive_group": "x"})
    half = await grant(marketing, buyer, "coupon", "half")
    await grant(marketing, buyer, "coupon", "ten")
    answer = await evaluated(marketing, basket(buyer, "100.00"))
    assert [one.grant_id for one in answer.applied] == [half.id]


async def test_what_the_buyer_was_shown_must_still_hold(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    made = await promotion(marketing, "p", "coupon", "ten")
    order = basket(new_id(), "50.00")
    shown = (await evaluated(marketing, order)).total
    await marketing.UpdatePromotion(
        UpdatePromotionRequest(promotion=Promotion(id=made.id), update_mask={"paths": ["active"]})
    )
    with refused("BENEFITS_CHANGED", "expected_total"):
        await marketing.ReserveBenefits(reserve("o1", order, expected_total=shown))
    kept = await marketing.ReserveBenefits(reserve("o1", order, expected_total=cny("0")))
    assert not kept.applied


async def test_a_wrong_order_is_refused_with_all_that_is_wrong(marketing: Client) -> None:
    order = basket(new_id(), "10.001", "5")
    order.lines[1].line_no = 1
    order.lines[1].amount.currency_code = "USD"
    with refused("BASKET_INVALID", "basket.lines[0].amount"):
        await evaluated(marketing, order)
    with refused("BASKET_INVALID", "basket.lines[1].line_no"):
        await evaluated(marketing, order)


async def test_a_shared_code_limited_to_100_is_redeemed_100_times_by_1000_at_once(marketing: Client) -> None:
    money = await budget(marketing, "b", "2000.00")
    await policy(marketing, "ten", {"off": "10"}, redeem_limits={"total": 100}, budget_code="b")
    await marketing.CreateSharedCode(CreateSharedCodeRequest(code="WELCOME2026", tool_code="coupon", policy_code="ten"))

    gate = asyncio.Semaphore(64)

    async def patiently(call: Any, request: Any) -> BenefitReservation:
        # Every call may be repeated under its key, also when nobody knows what became of it.
        while True:
            try:
                async with gate:
                    answer: BenefitReservation = await call(request, timeout=60)
                    return answer
            except Refusal as refusal:
                if not refusal.passing:
                    raise

    async def one(number: int) -> bool:
        order = basket(new_id(), "50.00", codes=("welcome2026",))
        kept = await patiently(marketing.ReserveBenefits, reserve(f"o{number}", order))
        if not kept.applied:
            return False
        return bool((await patiently(marketing.ConfirmBenefits, ConfirmBenefitsRequest(key=f"o{number}"))).applied)

    won = await asyncio.gather(*(one(number) for number in range(1000)))
    assert sum(won) == 100
    assert await figures(marketing, money) == ("1000.00", "1000.00")
    used = await marketing.ListGrants(ListGrantsRequest(filter='state = "REDEEMED"', count=True))
    assert used.total_size == 100


async def test_a_budget_is_never_overspent(marketing: Client) -> None:
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "odd", {"off": "7.77"}, budget_code="b")
    await promotion(marketing, "p", "coupon", "odd")

    async def buy(number: int) -> int:
        try:
            kept = await marketing.ReserveBenefits(reserve(f"o{number}", basket(new_id(), "50.00")), timeout=60)
            await confirm(marketing, f"o{number}")
        except Refusal as refusal:
            raise AssertionError(refusal) from refusal
        return len(kept.applied)

    assert sum(await asyncio.gather(*(buy(number) for number in range(40)))) == 12
    assert await figures(marketing, money) == ("6.76", "93.24")


async def test_gifts_are_taken_off_or_to_be_added(marketing: Client) -> None:
    await policy(marketing, "free", {"threshold": "100", "gifts": [{"product_code": "P2", "quantity": 2}]})
    await promotion(marketing, "p", "full_gift", "free")
    answer = await evaluated(marketing, basket(new_id(), "100.00", "12.00"))
    (gift,) = answer.applied[0].gifts
    assert (gift.product_code, gift.quantity, gift.added_quantity) == ("P2", "2", "1")
    assert [(item.line_no, item.amount.amount) for item in answer.adjustments] == [(2, "12.00")]


async def test_a_red_packet_gives_back_what_the_order_did_not_need(marketing: Client) -> None:
    buyer = new_id()
    money = await budget(marketing, "b", "100.00")
    await policy(marketing, "packet", {"amount": "20"}, tool_codes=["red_packet"], budget_code="b")
    held = await grant(marketing, buyer, "red_packet", "packet")
    assert held.face.amount == "20.00"
    assert await figures(marketing, money) == ("80.00", "20.00")
    await marketing.ReserveBenefits(reserve("o1", basket(buyer, "15.00")))
    await confirm(marketing, "o1")
    assert (await figures(marketing, money))[0] == "85.00"
    await release(marketing, "o1")
    assert (await figures(marketing, money))[0] == "80.00"
    assert await state_of(marketing, held.id) == "ISSUED"
