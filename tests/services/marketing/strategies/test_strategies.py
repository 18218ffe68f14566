"""Strategies from draft to end, and what they decide when something happens to a customer."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest

from support.benefits import policy
from support.deals import new_customer
from support.sending import decides, email, ended, profile_id, somebody
from support.strategies import action, create, decisions, draft, running, template
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet.marketing.v1 import action_service_pb2 as action_pb
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.channel_service_pb2 import ListConsoleMessagesRequest
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.profile_service_pb2 import ListProfilesRequest
from tercet.marketing.v1.segment_service_pb2 import (
    ActivateSegmentRequest,
    AddSegmentMembersRequest,
    CreateSegmentRequest,
    RemoveSegmentMembersRequest,
    Segment,
)
from tercet.marketing.v1.send_service_pb2 import Send
from tercet_chassis.testing import Client, refused
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import want


async def test_a_strategy_goes_from_draft_to_its_end(marketing: Client) -> None:
    await action(marketing)
    made = await create(marketing, draft())
    assert (made.state, made.version, made.purpose) == (pb.Strategy.DRAFT, 0, pb.Strategy.MARKETING)
    with refused("STRATEGY_NOT_APPROVED"):
        await marketing.StartStrategy(pb.StartStrategyRequest(id=made.id))
    approved = await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))
    assert (approved.state, approved.version) == (pb.Strategy.APPROVED, 1)
    started = await marketing.StartStrategy(pb.StartStrategyRequest(id=made.id, etag=approved.etag))
    assert started.state == pb.Strategy.RUNNING
    assert started.HasField("start_time")
    changed = pb.UpdateStrategyRequest(strategy=pb.Strategy(id=made.id, priority=5))
    with refused("STRATEGY_RUNS"):
        await marketing.UpdateStrategy(changed)
    await marketing.PauseStrategy(pb.PauseStrategyRequest(id=made.id))
    again = await marketing.UpdateStrategy(changed)
    assert (again.state, again.priority, again.version) == (pb.Strategy.DRAFT, 5, 1)
    assert (await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))).version == 2
    with refused("STRATEGY_HAS_HISTORY"):
        await marketing.DeleteStrategy(pb.DeleteStrategyRequest(id=made.id))
    ended = await marketing.EndStrategy(pb.EndStrategyRequest(id=made.id))
    assert ended.state == pb.Strategy.ENDED
    for refusal in (
        marketing.StartStrategy(pb.StartStrategyRequest(id=made.id)),
        marketing.UpdateStrategy(changed),
        marketing.EndStrategy(pb.EndStrategyRequest(id=made.id)),
    ):
        with refused("STRATEGY_ENDED"):
            await refusal


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"action_code": "nothing"}, "ACTION_NOT_FOUND"),
        ({"event_name": "sales.nothing.happened"}, "EVENT_NOT_KNOWN"),
        ({"trigger": pb.Strategy.SEGMENT_ENTERED}, "SEGMENT_NEEDED"),
        ({"trigger": pb.Strategy.DAILY, "segment_code": "all"}, "DAILY_TIME_NEEDED"),
        ({"zone": "Asia/Nowhere"}, "ZONE_NOT_KNOWN"),
        ({"begin_date": "2026-03-02", "end_date": "2026-03-01"}, "PERIOD_ENDS_BEFORE_IT_BEGINS"),
    ],
)
async def test_a_draft_that_could_never_run_is_refused(marketing: Client, values: dict[str, Any], reason: str) -> None:
    await action(marketing)
    with refused(reason):
        await create(marketing, draft(**values))
    assert not (await marketing.ListStrategies(pb.ListStrategiesRequest())).strategies


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"tool_code": "", "policy_code": ""}, "ACTION_EMPTY"),
        ({"channel_codes": ["sms"]}, "TEMPLATE_NEEDED"),
        ({"channel_codes": ["sms"], "template_code": "nothing"}, "TEMPLATE_UNKNOWN"),
        ({"channel_codes": ["pigeon"], "template_code": "gift"}, "CHANNEL_UNKNOWN"),
        ({"tool_code": "magic"}, "TOOL_UNKNOWN"),
        ({"policy_code": "nothing"}, "POLICY_UNKNOWN"),
        ({"tool_code": "gift"}, "TOOL_POLICY_INCOMPATIBLE"),
    ],
)
async def test_an_action_is_checked_whole(marketing: Client, values: dict[str, Any], reason: str) -> None:
    await template(marketing)
    with refused(reason):
        await action(marketing, **values)


async def test_who_is_chosen_gets_the_benefit_once_and_hears_of_it(sales: Client, marketing: Client) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["sms", "email"], template_code="gift")
    await running(marketing, draft("welcome", event_name="sales.order.confirmed", reentry_days=0))
    fang = await somebody(marketing, "王芳", email("fang@example.com"))
    await decides(marketing, fang, email("fang@example.com"))
    for _ in range(2):
        async with marketing.transaction() as tx:
            (strategy,) = await store.running(tx)
            (profile,) = (await store.profiles(tx, {fang})).values()
            await want(tx, [(strategy, profile, "order 1")])
    (decision,) = await decisions(marketing, identity_id=str(fang))
    assert (decision.outcome, decision.channel_code) == (pb.StrategyDecision.CHOSEN, "email")
    (given,) = (await marketing.ListGrants(ListGrantsRequest(filter=f'identity_id = "{fang}"'))).grants
    assert (given.id, given.strategy_code, given.version) == (decision.grant_id, "welcome", 1)
    sent = await ended(marketing, Send(id=decision.send_id))
    assert (sent.state, sent.channel_code) == (Send.DELIVERED, "email")
    (told,) = (await marketing.ListConsoleMessages(ListConsoleMessagesRequest())).console_messages
    assert told.text == "王芳: 10.00 CNY"


async def test_nobody_is_told_without_consent_and_nothing_is_given_then(marketing: Client) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft())
    fang = await somebody(marketing, "王芳", email("fang@example.com"))
    async with marketing.transaction() as tx:
        (strategy,) = await store.running(tx)
        await want(tx, [(strategy, one, "1") for one in (await store.profiles(tx, {fang})).values()])
    (decision,) = await decisions(marketing)
    assert (decision.outcome, decision.reason) == (pb.StrategyDecision.WITHHELD, "CHANNEL")
    assert not (await marketing.ListGrants(ListGrantsRequest())).grants


async def test_a_benefit_that_is_used_up_is_withheld_and_says_so(marketing: Client) -> None:
    await policy(marketing, "two_only", {"off": "10.00"}, issue_limits={"total": 2})
    await action(marketing, policy_code="two_only")
    await running(marketing, draft())
    people = {await somebody(marketing, f"客户{number}") for number in range(3)}
    async with marketing.transaction() as tx:
        (strategy,) = await store.running(tx)
        await want(tx, [(strategy, one, "1") for one in (await store.profiles(tx, people)).values()])
    outcomes = sorted((one.outcome, one.reason) for one in await decisions(marketing))
    chosen, withheld = pb.StrategyDecision.CHOSEN, pb.StrategyDecision.WITHHELD
    assert outcomes == [(chosen, ""), (chosen, ""), (withheld, "BENEFIT")]
    (row,) = await decisions(marketing, reason="BENEFIT")
    assert row.checks[-1].cause == "LIMIT_REACHED"
    assert row.checks[-1].detail == (
        "coupon by policy two_only: LIMIT_REACHED: Of the policy two_only no more than 2 may be issued in all; "
        "publish a version that allows more."
    )


async def test_what_happens_to_a_customer_is_decided_once_and_explained(sales: Client, marketing: Client) -> None:
    await action(marketing)
    await running(marketing, draft("welcome", priority=1, exclusion_group="gift"))
    await running(marketing, draft("vip", priority=9, exclusion_group="gift"))
    await running(marketing, draft("other", event_name="sales.order.confirmed"))
    customer = await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    vip, welcome = await decisions(marketing, identity_id=customer.identity_id)
    assert (vip.strategy_code, vip.outcome, vip.version) == ("vip", pb.StrategyDecision.CHOSEN, 1)
    assert (welcome.strategy_code, welcome.outcome) == ("welcome", pb.StrategyDecision.WITHHELD)
    assert (welcome.reason, welcome.checks[-1].detail) == ("EXCLUSION", "gift went to vip")


async def test_a_version_that_was_approved_keeps_its_action(sales: Client, marketing: Client) -> None:
    await template(marketing)
    kept = await action(marketing, channel_codes=["sms"], template_code="gift")
    await running(marketing, draft())
    await marketing.UpdateAction(
        action_pb.UpdateActionRequest(action=action_pb.Action(id=kept.id, channel_codes=["email"]))
    )
    customer = await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    (decision,) = await decisions(marketing, identity_id=customer.identity_id)
    assert (decision.reason, decision.checks[-1].detail) == (
        "CHANNEL",
        "no channel is open: sms NO_CONSENT (ask for their consent)",
    )
    assert decision.checks[-1].cause == "NO_CONSENT"


async def test_explaining_keeps_nothing(leads: Client, marketing: Client) -> None:
    await action(marketing)
    await create(marketing, draft(holdout_percent="0"))
    lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name="李雷", mobile="13900139000")))
    await leads.settled()
    (profile,) = (
        await marketing.ListProfiles(ListProfilesRequest(filter=f'identity_id = "{lead.identity_id}"'))
    ).profiles
    request = pb.ExplainStrategiesRequest(profile_id=profile.id, strategy_codes=["welcome"])
    (decision,) = (await marketing.ExplainStrategies(request)).decisions
    assert decision.outcome == pb.StrategyDecision.CHOSEN
    assert not await decisions(marketing)
    request.strategy_codes.append("nothing")
    with refused("STRATEGY_NOT_FOUND"):
        await marketing.ExplainStrategies(request)


async def test_a_paused_strategy_wants_nobody(sales: Client, marketing: Client) -> None:
    await action(marketing)
    strategy = await running(marketing, draft())
    await marketing.PauseStrategy(pb.PauseStrategyRequest(id=strategy.id))
    await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    assert not await decisions(marketing)


@pytest.mark.usefixtures("noon")
async def test_what_falls_into_quiet_hours_is_decided_after_them(sales: Client, marketing: Client) -> None:
    await action(marketing)
    quiet = pb.StrategyQuietHours(begin="00:00", end="23:59")
    await running(marketing, draft(quiet_hours=quiet))
    customer = await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    (decision,) = await decisions(marketing, identity_id=customer.identity_id)
    assert (decision.outcome, decision.reason) == (pb.StrategyDecision.DEFERRED, "QUIET_HOURS")
    clock = marketing.running.runtime.clock
    clock.advance(decision.due_time.ToDatetime(tzinfo=UTC))
    try:
        await marketing.settled()
        (decision,) = await decisions(marketing, identity_id=customer.identity_id)
        assert decision.outcome == pb.StrategyDecision.CHOSEN
        assert not decision.HasField("due_time")
    finally:
        clock.release()


@pytest.mark.usefixtures("noon")
async def test_what_waits_for_a_strategy_that_ends_is_withheld(sales: Client, marketing: Client) -> None:
    await action(marketing)
    strategy = await running(marketing, draft(quiet_hours=pb.StrategyQuietHours(begin="00:00", end="23:59")))
    await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    await marketing.EndStrategy(pb.EndStrategyRequest(id=strategy.id))
    clock = marketing.running.runtime.clock
    clock.advance(clock.now() + timedelta(days=2))
    try:
        await marketing.settled()
        (decision,) = await decisions(marketing)
        assert (decision.outcome, decision.reason) == (pb.StrategyDecision.WITHHELD, "STRATEGY_ENDED")
    finally:
        clock.release()


async def test_two_traces_of_one_party_are_one_customer(marketing: Client) -> None:
    await action(marketing)
    await running(marketing, draft(reentry_days=0))
    fang = await somebody(marketing, "王芳")
    other = await somebody(marketing, "王小芳", party_id=fang)
    for people in ({fang, other}, {other}):
        async with marketing.transaction() as tx:
            (strategy,) = await store.running(tx)
            await want(tx, [(strategy, one, "1") for one in (await store.profiles(tx, people)).values()])
    (decision,) = await decisions(marketing)
    assert decision.outcome == pb.StrategyDecision.CHOSEN
    assert len((await marketing.ListGrants(ListGrantsRequest())).grants) == 1


@pytest.mark.usefixtures("noon")
async def test_strategies_follow_a_segment_in_and_out_and_by_the_clock(marketing: Client) -> None:
    await action(marketing)
    segment = await marketing.CreateSegment(
        CreateSegmentRequest(segment=Segment(code="vip", display_name="VIP", kind=Segment.STATIC))
    )
    await marketing.ActivateSegment(ActivateSegmentRequest(id=segment.id))
    await running(marketing, draft("in", trigger=pb.Strategy.SEGMENT_ENTERED, event_name="", segment_code="vip"))
    await running(marketing, draft("out", trigger=pb.Strategy.SEGMENT_LEFT, event_name="", segment_code="vip"))
    daily = {"trigger": pb.Strategy.DAILY, "event_name": "", "segment_code": "vip", "zone": "UTC"}
    at = (marketing.running.runtime.clock.now() + timedelta(minutes=30)).strftime("%H:%M")
    await running(marketing, draft("daily", daily_time=at, reentry_days=0, **daily))
    fang = await somebody(marketing, "王芳")
    profile = await profile_id(marketing, fang)
    await marketing.AddSegmentMembers(AddSegmentMembersRequest(id=segment.id, profile_ids=[profile]))
    await marketing.settled()
    assert [one.strategy_code for one in await decisions(marketing)] == ["in"]
    clock = marketing.running.runtime.clock
    clock.advance(clock.now() + timedelta(hours=1))
    try:
        await marketing.settled()
        assert [one.strategy_code for one in await decisions(marketing)] == ["daily", "in"]
    finally:
        clock.release()
    await marketing.RemoveSegmentMembers(RemoveSegmentMembersRequest(id=segment.id, profile_ids=[profile]))
    await marketing.settled()
    assert [one.strategy_code for one in await decisions(marketing)] == ["daily", "in", "out"]


async def test_an_unknown_segment_is_refused(marketing: Client) -> None:
    await action(marketing)
    with refused("SEGMENT_NOT_FOUND"):
        await create(marketing, draft(trigger=pb.Strategy.SEGMENT_ENTERED, segment_code="nothing"))


async def static_segment(marketing: Client, code: str, *identities: UUID) -> None:
    wanted = Segment(code=code, display_name=code.upper(), kind=Segment.STATIC)
    made = await marketing.CreateSegment(CreateSegmentRequest(segment=wanted))
    await marketing.ActivateSegment(ActivateSegmentRequest(id=made.id))
    members = [await profile_id(marketing, identity) for identity in identities]
    await marketing.AddSegmentMembers(AddSegmentMembersRequest(id=made.id, profile_ids=members))
    await marketing.settled()


async def test_an_event_wakes_only_strategies_in_whose_segment_somebody_is(sales: Client, marketing: Client) -> None:
    await action(marketing)
    await static_segment(marketing, "vip", await somebody(marketing, "王芳"))
    await running(marketing, draft("all"))
    await running(marketing, draft("vips", segment_code="vip"))
    await new_customer(sales, phones=[{"number": "13800138000", "primary": True}])
    await sales.settled()
    await marketing.settled()
    assert [one.strategy_code for one in await decisions(marketing)] == ["all"]


async def test_members_of_excluded_segments_are_left_out(marketing: Client) -> None:
    await action(marketing)
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await static_segment(marketing, "staff", lei)
    await running(marketing, draft(excluded_segment_codes=["staff"]))
    async with marketing.transaction() as tx:
        (strategy,) = await store.running(tx)
        await want(tx, [(strategy, one, "1") for one in (await store.profiles(tx, {fang, lei})).values()])
    assert {one.identity_id: one.reason for one in await decisions(marketing)} == {str(fang): "", str(lei): "AUDIENCE"}


async def test_strategies_that_want_one_customer_at_the_same_moment_do_not_both_get_them(marketing: Client) -> None:
    await action(marketing)
    for code in ("one", "two"):
        await running(marketing, draft(code, exclusion_group="gift"))
    people = {await somebody(marketing, f"客户{number}") for number in range(8)}

    async def wanted(at: int, identity: UUID) -> None:
        async with marketing.transaction() as tx:
            strategy = (await store.running(tx))[at]
            (profile,) = (await store.profiles(tx, {identity})).values()
            await want(tx, [(strategy, profile, "1")])

    for identity in people:
        await asyncio.gather(wanted(0, identity), wanted(1, identity))
    chosen = [one.identity_id for one in await decisions(marketing, outcome="CHOSEN")]
    assert sorted(chosen) == sorted(map(str, people))
