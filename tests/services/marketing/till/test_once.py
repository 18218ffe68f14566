"""Whatever comes, in whatever order and however often: everything is taken once and given back once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal

import pytest

from support.benefits import basket, budget, grant, policy, promotion, reserve
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1.benefit_service_pb2 import (
    BenefitReservation,
    ConfirmBenefitsRequest,
    ListBenefitReservationsRequest,
    ReleaseBenefitsRequest,
)
from tercet.marketing.v1.budget_service_pb2 import GetBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import Grant, ListGrantsRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_marketing.grants.issuing import Ask, issue_all
from tercet_marketing.till.jobs import release_overdue

MOST = 6


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_calls_takes_and_gives_back_each_thing_once(marketing: Client, seed: int) -> None:
    choose = random.Random(seed)
    buyers = [new_id() for _ in range(3)]
    money = await budget(marketing, "b", "100.00")
    # Of a strategy: pays what is worth three when it is given, and a tenth of an order when it is used.
    other = await budget(marketing, "s", "20.00")
    await policy(marketing, "coupon", {"off": "7.00"}, budget_code="b")
    await policy(marketing, "week", {"threshold": "50", "off": "3.33"}, budget_code="b", redeem_limits={"total": MOST})
    await promotion(marketing, "week", "full_reduction", "week")
    for number, buyer in enumerate(buyers * 2):
        await grant(marketing, buyer, "coupon", "coupon", f"g{number}")
    await policy(marketing, "tenth", {"percent": "10"}, stacking={"exclusive_group": "tenth"})
    await policy(marketing, "three", {"off": "3.00"}, stacking={"exclusive_group": "three"})
    async with marketing.transaction() as tx:
        for code in ("tenth", "three"):
            asks = [Ask(f"{code}:{buyer}", buyer, "coupon", code, budget_code="s") for buyer in buyers]
            assert not any(isinstance(one, Refusal) for one in await issue_all(tx, asks))

    async def call(turn: int, number: int) -> None:
        # Keys of the turn before come back: what was made final is released, what was released stays so.
        key, what = f"o{turn - number // 16}:{number % 8}", choose.random()
        buyer = buyers[number % 8 % 3]
        if what < 0.45:
            await marketing.ReserveBenefits(reserve(key, basket(buyer, "33.33", "33.34")))
        elif what < 0.7:
            await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=key))
        elif what < 0.9:
            await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=key))
        else:
            await time_is_over(key)

    async def time_is_over(key: str) -> None:
        found = await marketing.ListBenefitReservations(ListBenefitReservationsRequest(filter=f'key = "{key}"'))
        for one in found.benefit_reservations:
            async with marketing.transaction() as tx:
                tx._now = tx.now() + timedelta(hours=1)
                await release_overdue(tx, reservation_id=one.id)

    final = 0
    for turn in range(5):
        calls = (call(turn, choose.randrange(24)) for _ in range(24))
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert answer is None or isinstance(answer, Refusal), answer
            reasons = ("RESERVATION_ENDED", "RESERVATION_UNKNOWN", "CHANGED_MEANWHILE")
            assert answer is None or answer.reason in reasons
        final += await agree(marketing, money.id, other.id)
    assert final


async def agree(marketing: Client, budget_id: str, other_id: str) -> int:
    """What is taken from budgets, limit and holders is what the reservations that stand say, to the cent; gives how
    many are final.
    """
    found = await marketing.ListBenefitReservations(ListBenefitReservationsRequest(page_size=100))
    standing = [
        one
        for one in found.benefit_reservations
        if one.state in (BenefitReservation.RESERVED, BenefitReservation.CONFIRMED)
    ]
    confirmed = [one for one in standing if one.state == BenefitReservation.CONFIRMED]
    for id, whole, given, policies in ((budget_id, 100, 0, ("coupon", "week")), (other_id, 20, 9, ("tenth",))):
        now = await marketing.GetBudget(GetBudgetRequest(id=id))
        assert Decimal(now.available.amount) == whole - given - _off(standing, policies)
        assert Decimal(now.spent.amount) == given + _off(confirmed, policies)
    used = [applied.grant_id for one in standing for applied in one.applied]
    assert len(used) == len(set(used))
    grants = (await marketing.ListGrants(ListGrantsRequest(page_size=500))).grants
    assert {one.id for one in grants if one.state in (Grant.RESERVED, Grant.REDEEMED)} == set(used)
    weeks = sum(applied.promotion_code == "week" for one in standing for applied in one.applied)
    assert weeks <= MOST
    counted = "SELECT coalesce(sum(balance), 0) AS n FROM ledger_accounts WHERE holder_type = 'policy'"
    async with marketing.transaction() as tx:
        (row,) = await tx.fetch(counted)
    assert int(row["n"]) == weeks
    check = await marketing.CheckInvariants(CheckInvariantsRequest())
    own = [finding for finding in check.findings if finding.invariant.startswith(("till.", "ledgers."))]
    assert len(own) >= 3
    assert all(finding.holds for finding in own), own
    return len(confirmed)


def _off(reservations: Iterable[BenefitReservation], policies: Collection[str]) -> Decimal:
    """What these policies took off."""
    applied = [one for reservation in reservations for one in reservation.applied if one.policy_code in policies]
    return sum((Decimal(one.amount.amount) for one in applied), Decimal(0))
