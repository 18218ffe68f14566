"""What cannot be done is withheld with its cause and the way out, harms nobody else, and is decided again on demand."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from support.benefits import policy
from support.sending import decides, email, somebody
from support.strategies import action, decisions, draft, running, template, wanted
from tercet.marketing.v1 import action_service_pb2 as action_pb
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet_chassis.testing import Client, refused

CHOSEN, WITHHELD = pb.StrategyDecision.CHOSEN, pb.StrategyDecision.WITHHELD


async def retried(marketing: Client, decision: pb.StrategyDecision) -> pb.StrategyDecision:
    again: pb.StrategyDecision = await marketing.RetryStrategyDecision(pb.RetryStrategyDecisionRequest(id=decision.id))
    return again


@pytest.mark.parametrize(
    ("spoilt", "cause"),
    [
        ("content - 'caps'", "it does not say caps"),
        ("jsonb_set(content, '{holdout_percent}', '\"a tenth\"')", "cannot be read ("),
        ("content #- '{action,policy_version}'", "it does not say policy_version"),
        ("'{}'", "it does not say"),
    ],
)
async def test_a_version_that_cannot_be_read_ends_visibly_and_harms_no_other(
    marketing: Client, spoilt: str, cause: str
) -> None:
    await action(marketing)
    old = await running(marketing, draft("old", priority=9))
    await running(marketing, draft("welcome"))
    async with marketing.transaction() as tx:
        change = f"UPDATE strategy_versions SET content = {spoilt} WHERE strategy_code = 'old'"
        await tx.session.execute(text(change))
    fang = await somebody(marketing)
    await wanted(marketing, [fang])
    broken, good = await decisions(marketing)
    assert (broken.outcome, broken.reason, good.outcome) == (WITHHELD, "VERSION", CHOSEN)
    assert cause in broken.checks[-1].detail
    assert "approve the strategy again" in broken.checks[-1].detail
    assert (await retried(marketing, broken)).reason == "VERSION"
    await marketing.PauseStrategy(pb.PauseStrategyRequest(id=old.id))
    with refused("STRATEGY_NOT_RUNNING"):
        await retried(marketing, broken)
    await marketing.UpdateStrategy(pb.UpdateStrategyRequest(strategy=pb.Strategy(id=old.id, priority=8)))
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=old.id))
    await marketing.StartStrategy(pb.StartStrategyRequest(id=old.id))
    again = await retried(marketing, broken)
    assert (again.outcome, again.version, again.reason) == (CHOSEN, 2, "")
    assert len((await marketing.ListGrants(ListGrantsRequest())).grants) == 2
    with refused("DECISION_NOT_WITHHELD"):
        await retried(marketing, again)


async def test_a_benefit_that_cannot_be_given_says_which_and_why_and_is_given_once_it_can(marketing: Client) -> None:
    await action(marketing)
    await policy(marketing, "few", {"off": "10.00"}, issue_limits={"total": 1})
    second = action_pb.Action(code="few", display_name="Few", tool_code="coupon", policy_code="few")
    await marketing.CreateAction(action_pb.CreateActionRequest(action=second))
    await running(marketing, draft("welcome"))
    limited = await running(marketing, draft("limited", action_code="few", priority=9))
    people = [await somebody(marketing, name) for name in ("王芳", "李雷")]
    await wanted(marketing, people)
    (over,) = await decisions(marketing, strategy_code="limited", reason="BENEFIT")
    check = over.checks[-1]
    assert (check.cause, check.detail.startswith("coupon by policy few: LIMIT_REACHED: ")) == ("LIMIT_REACHED", True)
    async with marketing.transaction() as tx:
        # As a tool that is not installed any more.
        change = "UPDATE strategy_versions SET content = jsonb_set(content, '{action,tool_code}', '\"magic\"')"
        await tx.session.execute(text(f"{change} WHERE strategy_code = 'limited'"))
    fang = await somebody(marketing, "韩梅梅")
    await wanted(marketing, [fang], "2")
    gone, given = await decisions(marketing, identity_id=str(fang))
    assert (gone.reason, gone.checks[-1].cause, given.outcome) == ("BENEFIT", "TOOL_UNKNOWN", CHOSEN)
    await policy(marketing, "few", {"off": "10.00"}, issue_limits={"total": 9})
    await marketing.PauseStrategy(pb.PauseStrategyRequest(id=limited.id))
    await marketing.UpdateStrategy(pb.UpdateStrategyRequest(strategy=pb.Strategy(id=limited.id, priority=8)))
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=limited.id))
    await marketing.StartStrategy(pb.StartStrategyRequest(id=limited.id))
    assert [(await retried(marketing, one)).outcome for one in (over, gone)] == [CHOSEN, CHOSEN]


async def test_each_channel_says_why_it_is_closed_and_what_opens_it(marketing: Client) -> None:
    await template(marketing)
    await action(marketing, channel_codes=["sms", "email"], template_code="gift")
    await running(marketing, draft())
    point = email("fang@example.com")
    fang = await somebody(marketing, "王芳", point)
    await wanted(marketing, [fang])
    (closed,) = await decisions(marketing)
    assert (closed.reason, closed.checks[-1].cause) == ("CHANNEL", "NO_ADDRESS")
    assert closed.checks[-1].detail == (
        "no channel is open: sms NO_ADDRESS (record a contact point of its kind); "
        "email NO_CONSENT (ask for their consent)"
    )
    await decides(marketing, fang, point)
    again = await retried(marketing, closed)
    assert (again.outcome, again.channel_code) == (CHOSEN, "email")
