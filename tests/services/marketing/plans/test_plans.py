"""Plans begin and end their strategies, by hand and on their days; the calendar shows what is due."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support.deals import told
from support.sending import message, profile_id, somebody
from support.strategies import action, create, decisions, draft, running, wanted
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import plan_service_pb2 as pb
from tercet.marketing.v1 import strategy_service_pb2 as strategy_pb
from tercet.marketing.v1.segment_service_pb2 import (
    ActivateSegmentRequest,
    AddSegmentMembersRequest,
    CreateSegmentRequest,
    Segment,
)
from tercet_chassis.testing import Client, refused

States = dict[str, int]


async def plan(marketing: Client, *codes: str, code: str = "spring", **more: Any) -> pb.Plan:
    wanted_plan = pb.Plan(code=code, display_name=f"计划 {code}", strategy_codes=codes, **more)
    made: pb.Plan = await marketing.CreatePlan(pb.CreatePlanRequest(plan=wanted_plan))
    return made


async def states(marketing: Client) -> States:
    found = await marketing.ListStrategies(strategy_pb.ListStrategiesRequest())
    return {one.code: one.state for one in found.strategies}


def today(marketing: Client, days: int = 0) -> str:
    now = marketing.running.runtime.clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    return (now.date() + timedelta(days=days)).isoformat()


async def test_a_plan_takes_its_strategies_from_draft_to_end(marketing: Client) -> None:
    await action(marketing)
    one = await create(marketing, draft("one"))
    await create(marketing, draft("two"))
    made = await plan(marketing, "one", "two")
    assert made.state == pb.Plan.DRAFT
    with refused("PLAN_NOT_APPROVED"):
        await marketing.StartPlan(pb.StartPlanRequest(id=made.id))
    approved = await marketing.ApprovePlan(pb.ApprovePlanRequest(id=made.id))
    assert (approved.state, await states(marketing)) == (
        pb.Plan.APPROVED,
        {"one": strategy_pb.Strategy.APPROVED, "two": strategy_pb.Strategy.APPROVED},
    )
    started = await marketing.StartPlan(pb.StartPlanRequest(id=made.id, etag=approved.etag))
    assert (started.state, set((await states(marketing)).values())) == (
        pb.Plan.RUNNING,
        {strategy_pb.Strategy.RUNNING},
    )
    with refused("PLAN_RUNS"):
        await marketing.UpdatePlan(pb.UpdatePlanRequest(plan=pb.Plan(id=made.id, display_name="X")))
    await marketing.PauseStrategy(strategy_pb.PauseStrategyRequest(id=one.id))
    await marketing.PausePlan(pb.PausePlanRequest(id=made.id))
    assert set((await states(marketing)).values()) == {strategy_pb.Strategy.PAUSED}
    with refused("PLAN_DOES_NOT_RUN"):
        await marketing.PausePlan(pb.PausePlanRequest(id=made.id))
    await marketing.StartPlan(pb.StartPlanRequest(id=made.id))
    with refused("PLAN_HAS_HISTORY"):
        await marketing.DeletePlan(pb.DeletePlanRequest(id=made.id))
    over = await marketing.EndPlan(pb.EndPlanRequest(id=made.id))
    assert (over.state, set((await states(marketing)).values())) == (pb.Plan.ENDED, {strategy_pb.Strategy.ENDED})
    with refused("PLAN_ENDED"):
        await marketing.EndPlan(pb.EndPlanRequest(id=made.id))
    assert len(await told(marketing, events.PlanStarted)) == 2
    for event in (events.PlanCreated, events.PlanApproved, events.PlanPaused, events.PlanEnded):
        assert len(await told(marketing, event)) == 1, event.DESCRIPTOR.name


async def test_a_running_customer_keeps_the_version_that_wanted_them(marketing: Client) -> None:
    await action(marketing)
    strategy = await create(marketing, draft("one", reentry_days=0))
    made = await plan(marketing, "one")
    await marketing.ApprovePlan(pb.ApprovePlanRequest(id=made.id))
    await marketing.StartPlan(pb.StartPlanRequest(id=made.id))
    fang = await somebody(marketing)
    await wanted(marketing, [fang], "1")
    await marketing.PausePlan(pb.PausePlanRequest(id=made.id))
    changed = strategy_pb.Strategy(id=strategy.id, priority=7)
    await marketing.UpdateStrategy(strategy_pb.UpdateStrategyRequest(strategy=changed))
    await marketing.UpdatePlan(pb.UpdatePlanRequest(plan=pb.Plan(id=made.id, description="再来一次")))
    await marketing.ApprovePlan(pb.ApprovePlanRequest(id=made.id))
    await marketing.StartPlan(pb.StartPlanRequest(id=made.id))
    await wanted(marketing, [fang], "2")
    assert sorted((one.occasion, one.version) for one in await decisions(marketing)) == [("1", 1), ("2", 2)]


async def test_plans_that_could_never_run_are_refused(marketing: Client) -> None:
    await action(marketing)
    await create(marketing, draft("one"))
    over = await running(marketing, draft("over"))
    await marketing.EndStrategy(strategy_pb.EndStrategyRequest(id=over.id))
    for codes, values, reason in (
        (["nothing"], {}, "PLAN_STRATEGY_NOT_FOUND"),
        (["over"], {}, "PLAN_STRATEGY_ENDED"),
        (["one"], {"begin_date": "2026-03-02", "end_date": "2026-03-01"}, "PLAN_ENDS_BEFORE_IT_BEGINS"),
        (["one"], {"zone": "Asia/Nowhere"}, "PLAN_ZONE_NOT_KNOWN"),
    ):
        with refused(reason):
            await plan(marketing, *codes, **values)
    empty = await plan(marketing, code="empty")
    with refused("PLAN_EMPTY"):
        await marketing.ApprovePlan(pb.ApprovePlanRequest(id=empty.id))
    await marketing.DeletePlan(pb.DeletePlanRequest(id=empty.id))
    with refused("CALENDAR_CROSSED"):
        await calendar(marketing, "2026-03-02", "2026-03-01")
    with refused("CALENDAR_DAY_UNKNOWN", "from_date"):
        await calendar(marketing, "2026-02-31", "2026-03-01")
    with refused("CALENDAR_TOO_LONG"):
        await calendar(marketing, "2026-01-01", "2026-04-04")


async def test_a_strategy_belongs_to_one_plan_that_has_not_ended(marketing: Client) -> None:
    await action(marketing)
    await create(marketing, draft("one"))
    results = await asyncio.gather(
        *(plan(marketing, "one", code=code) for code in ("spring", "summer")), return_exceptions=True
    )
    (made,) = [each for each in results if isinstance(each, pb.Plan)]
    with refused("STRATEGY_IN_OTHER_PLAN"):
        await plan(marketing, "one", code="autumn")
    await marketing.DeletePlan(pb.DeletePlanRequest(id=made.id))
    await plan(marketing, "one", code="autumn")


@pytest.mark.usefixtures("noon")
async def test_a_plan_begins_and_ends_on_its_days(marketing: Client) -> None:
    await action(marketing)
    await create(marketing, draft("one"))
    made = await plan(marketing, "one", begin_date=today(marketing, 1), end_date=today(marketing, 1))
    await marketing.ApprovePlan(pb.ApprovePlanRequest(id=made.id))
    with refused("PLAN_OUT_OF_TIME"):
        await marketing.StartPlan(pb.StartPlanRequest(id=made.id))
    clock = marketing.running.runtime.clock
    midnight = datetime.fromisoformat(today(marketing, 1)).replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    try:
        for moment, state in (
            (midnight - timedelta(minutes=1), pb.Plan.APPROVED),
            (midnight, pb.Plan.RUNNING),
            (midnight + timedelta(hours=23, minutes=59), pb.Plan.RUNNING),
            (midnight + timedelta(days=1), pb.Plan.ENDED),
        ):
            clock.advance(moment)
            await marketing.settled()
            now = await marketing.GetPlan(pb.GetPlanRequest(id=made.id))
            assert now.state == state, moment
            assert await states(marketing) == {"one": state}
    finally:
        clock.release()


async def calendar(marketing: Client, first: str, last: str) -> pb.PlanCalendar:
    found: pb.PlanCalendar = await marketing.GetPlanCalendar(pb.GetPlanCalendarRequest(from_date=first, to_date=last))
    return found


@pytest.mark.usefixtures("noon")
async def test_the_calendar_shows_spans_and_what_is_due(marketing: Client) -> None:
    await action(marketing)
    fang = await somebody(marketing)
    made = await marketing.CreateSegment(
        CreateSegmentRequest(segment=Segment(code="vip", display_name="VIP", kind=Segment.STATIC))
    )
    await marketing.ActivateSegment(ActivateSegmentRequest(id=made.id))
    member = await profile_id(marketing, fang)
    await marketing.AddSegmentMembers(AddSegmentMembersRequest(id=made.id, profile_ids=[member]))
    await marketing.settled()
    days = [today(marketing, number) for number in range(4)]
    first, last = days[1:3]
    daily = {"trigger": strategy_pb.Strategy.DAILY, "event_name": "", "segment_code": "vip"}
    # 23:30 in Tokyo is 22:30 in the tenant's zone.
    await create(marketing, draft("daily", daily_time="23:30", zone="Asia/Tokyo", **daily))
    await create(marketing, draft("undated"))
    approved = await plan(marketing, "daily", begin_date=first, end_date=last)
    await marketing.ApprovePlan(pb.ApprovePlanRequest(id=approved.id))
    due = marketing.running.runtime.clock.now() + timedelta(days=1)
    await marketing.SendMessage(message(fang, not_before=due))
    night = strategy_pb.StrategyQuietHours(begin="00:00", end="23:59")
    await running(marketing, draft("quiet", quiet_hours=night))
    await wanted(marketing, [fang])
    (put_off,) = await decisions(marketing)
    found = await calendar(marketing, days[0], days[3])
    assert found.zone == "Asia/Shanghai"
    assert [(one.plan_code, one.strategy_code, one.begin_date, one.end_date) for one in found.spans] == [
        ("", "quiet", days[0], ""),
        ("spring", "", first, last),
        ("spring", "daily", first, last),
    ], "what has no days and never began is left out"
    assert [one.date for one in found.days] == days
    assert [[(each.strategy_code, each.member_count) for each in one.triggers] for one in found.days] == [
        [],
        [("daily", 1)],
        [("daily", 1)],
        [],
    ]
    moment = found.days[1].triggers[0].due_time.ToDatetime(tzinfo=UTC)
    assert moment.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%F %H:%M") == f"{first} 22:30"
    assert [one.send_count for one in found.days] == [0, 1, 0, 0]
    day = put_off.due_time.ToDatetime(tzinfo=UTC).astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    assert {one.date: one.decision_count for one in found.days if one.decision_count} == {day: 1}
    nobody = marketing.as_(permissions={"marketing.plan.read": "own"})
    assert [one.send_count for one in (await calendar(nobody, first, first)).days] == [0]


async def test_who_may_not_approve_plans_cannot(marketing: Client) -> None:
    await action(marketing)
    await create(marketing, draft("one"))
    made = await plan(marketing, "one")
    writer = marketing.as_(permissions={"marketing.plan.update": "all", "marketing.plan.read": "all"})
    with refused("PERMISSION_MISSING"):
        await writer.ApprovePlan(pb.ApprovePlanRequest(id=made.id))
