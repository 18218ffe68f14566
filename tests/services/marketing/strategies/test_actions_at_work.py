"""One action serves many strategies, with any of its parts left out; what waits keeps the version that wanted it."""

from __future__ import annotations

import asyncio
from datetime import UTC

import pytest

from support.benefits import policy
from support.deals import new_customer
from support.sending import decides, email, ended, somebody
from support.strategies import action, create, decisions, draft, running, template, wanted
from tercet.marketing.v1 import action_service_pb2 as action_pb
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.send_service_pb2 import ListSendsRequest, Send
from tercet.sales.v1.activity_service_pb2 import Activity, ListActivitiesRequest
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client

CHOSEN, DEFERRED, WITHHELD = (
    pb.StrategyDecision.CHOSEN, pb.StrategyDecision.DEFERRED, pb.StrategyDecision.WITHHELD,
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "given", "told"),
    [
        ({"tool_code": "", "policy_code": "", "channel_codes": ["email"], "template_code": "gift"}, [], 1),
        ({"tool_code": "", "channel_codes": ["email"], "template_code": "gift"}, [], 1),
        ({}, ["coupon"], 0),
    ],
    ids=["pure care", "a policy without a tool", "nobody is told"],
)
async def test_what_an_action_leaves_out_is_not_done(
    marketing: Client, values: dict[str, object], given: list[str], told: int
) -> None:
    await template(marketing, "{{ customer.name }}, 您好")
    await action(marketing, **values)
    await running(marketing, draft())
    point = email("fang@example.com")
    fang = await somebody(marketing, "王芳", point)
    await decides(marketing, fang, point)
    await wanted(marketing, [fang])
    (decision,) = await decisions(marketing)
    assert (decision.outcome, bool(decision.grant_id), bool(decision.send_id)) == (CHOSEN, bool(given), bool(told))
    assert [one.tool_code for one in (await marketing.ListGrants(ListGrantsRequest())).grants] == given
    assert len((await marketing.ListSends(ListSendsRequest())).sends) == told


async def test_one_action_serves_several_strategies_and_its_change_reaches_what_is_approved_after_it(
    marketing: Client,
) -> None:
    shared = await action(marketing)
    await policy(marketing, "nps", {"form_code": "nps"})
    await running(marketing, draft("one"))
    await create(marketing, draft("two"))
    changed = action_pb.Action(id=shared.id, tool_code="questionnaire", policy_code="nps")
    await marketing.UpdateAction(action_pb.UpdateActionRequest(action=changed))
    (two,) = (await marketing.ListStrategies(pb.ListStrategiesRequest(filter='code = "two"'))).strategies
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=two.id))
    await marketing.StartStrategy(pb.StartStrategyRequest(id=two.id))
    await wanted(marketing, [await somebody(marketing)])
    grants = (await marketing.ListGrants(ListGrantsRequest())).grants
    assert {one.strategy_code: one.tool_code for one in grants} == {"one": "coupon", "two": "questionnaire"}
    assert len((await marketing.ListActions(action_pb.ListActionsRequest())).actions) == 1


@pytest.mark.usefixtures("noon")
async def test_what_waits_is_carried_out_by_the_version_that_wanted_it(marketing: Client) -> None:
    shared = await action(marketing)
    await policy(marketing, "nps", {"form_code": "nps"})
    night = pb.StrategyQuietHours(begin="00:00", end="23:59")
    strategy = await running(marketing, draft(quiet_hours=night, priority=3))
    fang = await somebody(marketing)
    await wanted(marketing, [fang])
    changed = action_pb.Action(id=shared.id, tool_code="questionnaire", policy_code="nps")
    await marketing.UpdateAction(action_pb.UpdateActionRequest(action=changed))
    await marketing.PauseStrategy(pb.PauseStrategyRequest(id=strategy.id))
    await marketing.UpdateStrategy(pb.UpdateStrategyRequest(strategy=pb.Strategy(id=strategy.id, priority=7)))
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=strategy.id))
    await marketing.StartStrategy(pb.StartStrategyRequest(id=strategy.id))
    (waiting,) = await decisions(marketing)
    assert (waiting.outcome, waiting.version) == (DEFERRED, 1)
    marketing.running.runtime.clock.advance(waiting.due_time.ToDatetime(tzinfo=UTC))
    await marketing.settled()
    (decision,) = await decisions(marketing)
    assert (decision.outcome, decision.version) == (CHOSEN, 1)
    assert [one.tool_code for one in (await marketing.ListGrants(ListGrantsRequest())).grants] == ["coupon"]


async def test_caps_hold_when_many_workers_want_one_customer_at_once(marketing: Client) -> None:
    await action(marketing)
    of_all = pb.StrategyCap(days=30, most=2, of=pb.StrategyCap.ALL)
    for number in range(6):
        await running(marketing, draft(f"s{number}", caps=[of_all], reentry_days=0))
    people = [await somebody(marketing, f"客户{number}") for number in range(4)]
    await asyncio.gather(*(wanted(marketing, people, "1", f"s{number}") for number in range(6)))
    for identity in people:
        found = await decisions(marketing, identity_id=str(identity))
        assert sorted((one.outcome, one.reason) for one in found) == [(CHOSEN, "")] * 2 + [(WITHHELD, "CAP")] * 4
    assert len((await marketing.ListGrants(ListGrantsRequest())).grants) == 8


async def test_a_sales_playbook_is_a_strategy_whose_channel_is_a_task_for_the_owner(
    sales: Client, marketing: Client
) -> None:
    await template(marketing, "请回访 {{ customer.name }}")
    await action(marketing, tool_code="", policy_code="", channel_codes=["phone_task"], template_code="gift")
    await running(marketing, draft("playbook", purpose=pb.Strategy.SERVICE))
    owner = new_id()
    customer = await new_customer(
        sales, "王芳", phones=[{"number": "13800138000", "primary": True}], owner_id=str(owner)
    )
    await sales.settled()
    await marketing.settled()
    (decision,) = await decisions(marketing, identity_id=customer.identity_id)
    assert (decision.outcome, decision.channel_code) == (CHOSEN, "phone_task")
    await ended(marketing, Send(id=decision.send_id), Send.SENT, Send.DELIVERED)
    (task,) = (await sales.ListActivities(ListActivitiesRequest(filter=f'id = "{decision.send_id}"'))).activities
    assert (task.kind, task.owner_id, task.text) == (Activity.TASK, str(owner), "请回访 王芳")
    assert task.party_id == decision.party_id
