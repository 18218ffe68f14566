"""What strategies bring against those who were left alone, counted as a plain reading of the rows counts it."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean, variance
from typing import Any
from uuid import UUID

import pytest

from support.benefits import basket, reserve
from support.loyalty import move_party
from support.sending import somebody
from support.strategies import action, create, decisions, draft, running, wanted
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import effect_service_pb2 as pb
from tercet.marketing.v1 import strategy_service_pb2 as strategy_pb
from tercet.marketing.v1.benefit_service_pb2 import ConfirmBenefitsRequest
from tercet.marketing.v1.plan_service_pb2 import CreatePlanRequest, Plan
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.effect.rules import Sample, mean_difference
from tercet_marketing.facts import store as facts
from tercet_marketing.facts.rules import Told
from tercet_marketing.strategies.model import StrategyDecision
from tercet_marketing.strategies.rules import is_held_out

DAYS = 10
BEFORE = "1.00 % are left alone, and this one was before"
OUTCOMES = [
    ("CHOSEN", ""),
    ("CHOSEN", ""),
    ("HELD_OUT", "HOLDOUT"),
    ("WITHHELD", "CAP"),
    ("WITHHELD", "BUDGET_SPENT"),
]


def order(
    party: UUID,
    moment: datetime,
    amount: str,
    currency: str = "CNY",
    products: tuple[str, ...] = (),
    kind: str = "order",
) -> Told:
    worth = Decimal(amount) if kind == "order" else None
    return Told(new_id(), party, party, kind, moment, "", worth, currency if worth else None, products)


async def ordered(marketing: Client, *told: Told) -> None:
    async with marketing.transaction() as tx:
        await facts.keep(tx, told)


async def decided(marketing: Client, code: str, rows: list[tuple[UUID, datetime, str, str]], **more: Any) -> None:
    """Decisions as they stand after some time: party, when, outcome, reason."""
    async with marketing.transaction() as tx:
        values = [
            {
                "id": new_id(),
                "strategy_code": code,
                "version": 1,
                "occasion": f"{number}",
                "identity_id": party,
                "party_id": party,
                "decide_time": moment,
                "outcome": outcome,
                "reason": reason,
                **more,
            }
            for number, (party, moment, outcome, reason) in enumerate(rows)
        ]
        await tx.bulk_insert(StrategyDecision, values)


async def effect(marketing: Client, id: str, **more: Any) -> pb.StrategyEffect:
    found: pb.StrategyEffect = await marketing.GetStrategyEffect(pb.GetStrategyEffectRequest(id=id, **more))
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_answer_is_that_of_a_plain_reading(marketing: Client, seed: int) -> None:
    choose = random.Random(seed)
    await action(marketing)
    conversion = strategy_pb.StrategyConversion(days=DAYS, product_codes=["P1", "P2"])
    strategy = await create(marketing, draft(conversion=conversion))
    now = marketing.running.runtime.clock.now()
    rows: list[tuple[UUID, datetime, str, str]] = []
    told: list[Told] = []
    for _ in range(150):
        party = new_id()
        for _ in range(choose.choice([1, 1, 2])):
            outcome, reason = choose.choice(
                [
                    ("CHOSEN", ""),
                    ("CHOSEN", ""),
                    ("HELD_OUT", "HOLDOUT"),
                    ("WITHHELD", "CAP"),
                    ("WITHHELD", "BUDGET_SPENT"),
                ]
            )
            rows.append((party, now - timedelta(days=choose.randint(0, 30), hours=1), outcome, reason))
        for _ in range(choose.choice([0, 0, 1, 3])):
            moment = now - timedelta(days=choose.randint(0, 30), hours=choose.choice([0, 2]))
            products = tuple(sorted(choose.sample(["P1", "P2", "P3"], choose.randint(0, 2))))
            amount = f"{choose.randint(0, 50_000) / 100:.2f}"
            told.append(order(party, moment, amount, choose.choice(["CNY", "CNY", "USD"]), products))
    await decided(marketing, strategy.code, rows)
    await ordered(marketing, *told)

    arms: dict[UUID, set[str]] = defaultdict(set)
    first: dict[UUID, datetime] = {}
    for party, moment, outcome, reason in rows:
        if outcome == "WITHHELD" and reason == "CAP":
            continue
        arms[party].add("held" if outcome == "HELD_OUT" else "treated")
        first[party] = min(first.get(party, moment), moment)
    counted = [
        one
        for one in told
        if one.party_id in first
        and first[one.party_id] < one.fact_time < first[one.party_id] + timedelta(days=DAYS)
        and one.amount
        and set(one.product_codes) & {"P1", "P2"}
    ]
    found = await effect(marketing, strategy.id)
    assert found.mixed_count == sum(len(each) == 2 for each in arms.values()) > 0
    samples = {}
    for name, group in (("treated", found.treated), ("held", found.held_out)):
        parties = {party for party, each in arms.items() if each == {name}}
        assert group.customer_count == len(parties) > 10
        assert group.open_count == sum(first[party] + timedelta(days=DAYS) > now for party in parties)
        assert group.converted_count == len({one.party_id for one in counted} & parties) > 0
        for currency in ("CNY", "USD"):
            sums = {party: Decimal(0) for party in parties}
            for one in counted:
                if one.party_id in parties and one.currency == currency:
                    sums[one.party_id] += one.amount or 0
            samples[name, currency] = list(sums.values())
    for revenue in found.revenue:
        treated, held = (samples[name, revenue.currency_code] for name in ("treated", "held"))
        assert Decimal(revenue.treated_total.amount) == sum(treated)
        assert Decimal(revenue.per_held_out.amount) == round(mean(held), 2)
        assert Decimal(revenue.lift.amount) == round(mean(treated) - mean(held), 2)
        ours = Sample(len(held), sum(held, Decimal(0)), sum((each * each for each in held), Decimal(0)))
        assert ours.variance == pytest.approx(variance(held))
        theirs = Sample(len(treated), sum(treated, Decimal(0)), sum((each * each for each in treated), Decimal(0)))
        low, high = mean_difference(theirs, ours)
        assert (Decimal(revenue.lift_low.amount), Decimal(revenue.lift_high.amount)) == (round(low, 2), round(high, 2))
    assert [one.currency_code for one in found.revenue] == ["CNY", "USD"]


async def test_who_is_held_out_stays_so_and_is_counted(leads: Client, marketing: Client) -> None:
    await action(marketing)
    strategy = await running(marketing, draft(holdout_percent="50", reentry_days=0))
    people = [await somebody(marketing, f"客户{number}") for number in range(12)]
    await wanted(marketing, people)
    held = {one.identity_id for one in await decisions(marketing, outcome="HELD_OUT")}
    assert held == {str(one) for one in people if is_held_out("welcome", str(one), Decimal("0.5"))}
    # The share shrinks: each stays on the side it was on.
    await marketing.PauseStrategy(strategy_pb.PauseStrategyRequest(id=strategy.id))
    less = strategy_pb.Strategy(id=strategy.id, holdout_percent="1")
    await marketing.UpdateStrategy(strategy_pb.UpdateStrategyRequest(strategy=less))
    await marketing.ApproveStrategy(strategy_pb.ApproveStrategyRequest(id=strategy.id))
    await marketing.StartStrategy(strategy_pb.StartStrategyRequest(id=strategy.id))
    await wanted(marketing, people, "2")
    again = {one.identity_id for one in await decisions(marketing, outcome="HELD_OUT", occasion="2")}
    assert again == held
    found = await effect(marketing, strategy.id)
    assert (found.treated.customer_count, found.held_out.customer_count) == (12 - len(held), len(held))
    assert f"{len(held)} customers were held out" in found.explanations[0]
    assert found.reached_count == 12 - len(held)
    assert not found.conversion_lift.significant
    check = await marketing.CheckInvariants(CheckInvariantsRequest())
    # One who was left alone turns out to be one who was not: from now on they are left alone, and compared with nobody.
    (alone, *_), reached = sorted(held), next(str(one) for one in people if str(one) not in held)
    await move_party(leads, alone, alone, reached, 1)
    await marketing.settled()
    await wanted(marketing, [UUID(reached)], "3")
    (third,) = await decisions(marketing, occasion="3")
    assert (third.outcome, third.checks[-1].detail) == (strategy_pb.StrategyDecision.HELD_OUT, BEFORE)
    found = await effect(marketing, strategy.id)
    assert (found.mixed_count, found.held_out.customer_count) == (1, len(held) - 1)
    assert "1 customers were in both groups" in found.explanations[-1]
    (finding,) = [one for one in check.findings if one.invariant == "strategies.held_out_are_left_alone"]
    assert (finding.holds, finding.checked_count) == (True, 2 * len(held))


async def test_only_those_are_held_out_who_would_have_been_reached(marketing: Client) -> None:
    await action(marketing)
    await running(marketing, draft("vip", priority=9, exclusion_group="gift"))
    await running(marketing, draft("welcome", exclusion_group="gift", holdout_percent="90"))
    await wanted(marketing, [await somebody(marketing, f"客户{number}") for number in range(6)])
    assert {one.reason for one in await decisions(marketing, strategy_code="welcome")} == {"EXCLUSION"}


async def test_costs_and_periods_are_counted(marketing: Client) -> None:
    await action(marketing)
    strategy = await running(marketing, draft())
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await wanted(marketing, [fang, lei])
    await marketing.ReserveBenefits(reserve("o1", basket(fang, "50.00")))
    await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key="o1"))
    moment = marketing.running.runtime.clock.now() + timedelta(minutes=1)
    await ordered(marketing, order(fang, moment, "40.00"), order(fang, moment, "0", kind="visit"))
    found = await effect(marketing, strategy.id)
    (cost,) = found.costs
    assert (cost.benefit_granted.amount, cost.benefit_redeemed.amount, cost.total.amount) == ("20.00", "10.00", "10.00")
    (revenue,) = found.revenue
    assert (revenue.per_reached.amount, revenue.per_treated.amount) == ("20.00", "20.00")
    assert not revenue.HasField("lift")
    assert found.explanations[-1].startswith("Nobody was held out")
    assert (found.conversion_kind, found.conversion_days, found.treated.converted_count) == ("order", 14, 1)
    later = await effect(marketing, strategy.id, from_time=moment)
    assert (later.treated.customer_count, len(later.costs)) == (0, 0)
    with refused("EFFECT_TIMES_CROSSED"):
        await effect(marketing, strategy.id, from_time=moment, to_time=moment)
    plan = Plan(code="spring", display_name="春季", strategy_codes=["welcome"])
    made = await marketing.CreatePlan(CreatePlanRequest(plan=plan))
    whole = await marketing.GetPlanEffect(pb.GetPlanEffectRequest(id=made.id))
    assert [one.strategy_code for one in whole.strategies] == ["welcome"]
    assert list(whole.costs) == list(found.costs)


async def test_another_kind_of_fact_can_be_the_success(marketing: Client) -> None:
    await action(marketing)
    conversion = strategy_pb.StrategyConversion(kind="visit", days=3)
    strategy = await running(marketing, draft(conversion=conversion))
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await wanted(marketing, [fang, lei])
    now = marketing.running.runtime.clock.now()
    await ordered(
        marketing,
        order(fang, now + timedelta(days=2), "", kind="visit"),
        order(lei, now + timedelta(days=4), "", kind="visit"),
        order(lei, now + timedelta(days=1), "10.00"),
    )
    found = await effect(marketing, strategy.id)
    assert found.treated.converted_count == 1
    assert found.revenue[0].treated_total.amount == "10.00"


async def test_only_customers_within_reach_are_counted(marketing: Client) -> None:
    await action(marketing)
    unit = new_id()
    strategy = await running(marketing, draft())
    inside = await somebody(marketing, "王芳", unit_id=unit)
    await wanted(marketing, [inside, await somebody(marketing, "李雷")])
    assert (await effect(marketing, strategy.id)).treated.customer_count == 2
    ours = marketing.as_(permissions={"marketing.effect.read": "unit"}, unit_id=unit)
    found = await effect(ours, strategy.id)
    assert (found.treated.customer_count, found.reached_count) == (1, 1)
    assert [one.benefit_granted.amount for one in found.costs] == ["10.00"]
