"""A campaign joins what was spent and what was ordered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from support.benefits import basket, grant, reserve
from support.deals import cny, told
from support.sending import decides, email, ended, somebody
from support.strategies import action, decisions, draft, running, template, wanted
from tercet.marketing.v1 import campaign_service_pb2 as pb
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.benefit_service_pb2 import ConfirmBenefitsRequest
from tercet.marketing.v1.channel_service_pb2 import ChannelAccount, CreateChannelAccountRequest
from tercet.marketing.v1.effect_service_pb2 import CampaignEffect, GetCampaignEffectRequest, PlanComparison
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.send_service_pb2 import Send
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money as Amount
from tercet_chassis.testing import Client, refused
from tercet_marketing.campaigns.model import Campaign
from tercet_marketing.effect.comparing import ABOVE, BELOW, ON_PLAN, compared
from tercet_marketing.effect.jobs import watch_campaigns
from tercet_marketing.facts import store as facts
from tercet_marketing.facts.rules import Told


async def campaign(marketing: Client, code: str = "spring", **more: object) -> pb.Campaign:
    wanted_campaign = pb.Campaign(code=code, display_name=f"活动 {code}", **more)  # type: ignore[arg-type]
    made: pb.Campaign = await marketing.CreateCampaign(pb.CreateCampaignRequest(campaign=wanted_campaign))
    return made


async def effect(marketing: Client, of: pb.Campaign) -> CampaignEffect:
    found: CampaignEffect = await marketing.GetCampaignEffect(GetCampaignEffectRequest(id=of.id))
    return found


async def ordered(marketing: Client, party: UUID, amount: str, days: float) -> None:
    async with marketing.transaction() as tx:
        moment = tx.now() + timedelta(days=days)
        await facts.keep(tx, [Told(new_id(), party, party, "order", moment, "", Decimal(amount), "CNY")])


async def test_a_campaign_is_kept_with_what_is_planned(marketing: Client) -> None:
    made = await campaign(marketing, planned_cost=cny("500.00"), planned_reach=100, begin_date="2026-03-01")
    assert (made.planned_cost.amount, made.planned_reach, made.begin_date) == ("500.00", 100, "2026-03-01")
    with refused("RESOURCE_ALREADY_EXISTS", "campaign.code"):
        await campaign(marketing)
    with refused("CAMPAIGN_ENDS_BEFORE_IT_BEGINS"):
        await campaign(marketing, "other", begin_date="2026-03-02", end_date="2026-03-01")
    with refused("CAMPAIGN_PLAN_NEGATIVE"):
        await campaign(marketing, "other", planned_revenue=cny("-1"))
    changed = pb.UpdateCampaignRequest(campaign=pb.Campaign(id=made.id, planned_conversions=7))
    assert (await marketing.UpdateCampaign(changed)).planned_conversions == 7
    (found,) = (await marketing.ListCampaigns(pb.ListCampaignsRequest(q="spring"))).campaigns
    assert found.id == made.id
    assert len(await told(marketing, events.CampaignCreated)) == 1
    assert len(await told(marketing, events.CampaignUpdated)) == 1
    nobody = marketing.as_(permissions={"marketing.campaign.read": "own"})
    assert not (await nobody.ListCampaigns(pb.ListCampaignsRequest())).campaigns


async def test_cost_and_effect_meet_in_the_campaign(marketing: Client) -> None:
    made = await campaign(marketing, conversion_days=10)
    account = ChannelAccount(
        code="mail", channel_code="email", provider=ChannelAccount.CONSOLE, sender="s@x.cn", message_cost=cny("0.045")
    )
    await marketing.CreateChannelAccount(CreateChannelAccountRequest(channel_account=account))
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft(campaign_code="spring"))
    people = []
    for number in range(3):
        point = email(f"c{number}@example.com")
        people.append(await somebody(marketing, f"客户{number}", point))
        await decides(marketing, people[-1], point)
    fang, lei, mei = people
    await wanted(marketing, [fang, lei])
    for decision in await decisions(marketing):
        assert (await ended(marketing, Send(id=decision.send_id))).campaign_id == made.id
    # Somebody else gets a benefit of the same campaign by hand, and no message.
    await grant(marketing, mei, "coupon", "ten_off", campaign_id=made.id)
    assert {one.campaign_id for one in (await marketing.ListGrants(ListGrantsRequest())).grants} == {made.id}
    kept = await marketing.ReserveBenefits(reserve("o1", basket(fang, "50.00")))
    assert {one.campaign_id for one in kept.adjustments} == {made.id}
    await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key="o1"))
    await ordered(marketing, fang, "40.00", 1)
    await ordered(marketing, fang, "5.00", 2)
    await ordered(marketing, lei, "70.00", 11)
    await ordered(marketing, mei, "30.00", 3)
    await ordered(marketing, new_id(), "99.00", 1)
    found = await effect(marketing, made)
    assert found.campaign.code == "spring"
    assert (found.send_count, found.grant_count) == (2, 3)
    assert (found.reached_count, found.delivered_count, found.converted_count) == (3, 2, 2)
    assert [(one.currency_code, one.amount) for one in found.revenue] == [("CNY", "75.00")]
    (cost,) = found.costs
    assert (cost.message_cost.amount, cost.benefit_granted.amount) == ("0.09", "30.00")
    assert (cost.benefit_redeemed.amount, cost.total.amount) == ("10.00", "10.09")


@pytest.mark.parametrize(
    ("begin", "end", "came", "expected", "verdict"),
    [
        # Half of ten days is over: half of the plan is expected, give or take a fifth of the plan.
        ("2026-03-01", "2026-03-10", "500", "500.00", ON_PLAN),
        ("2026-03-01", "2026-03-10", "700", "500.00", ON_PLAN),
        ("2026-03-01", "2026-03-10", "700.01", "500.00", ABOVE),
        ("2026-03-01", "2026-03-10", "299.99", "500.00", BELOW),
        ("2026-03-06", "2026-03-10", "0", "0.00", ON_PLAN),
        ("2026-02-01", "2026-02-10", "799", "1000.00", BELOW),
        (None, None, "801", "1000.00", ON_PLAN),
    ],
)
def test_a_figure_is_compared_with_what_its_days_let_expect(
    begin: str | None, end: str | None, came: str, expected: str, verdict: str
) -> None:
    days = [date.fromisoformat(day) if day else None for day in (begin, end)]
    planned = Campaign(code="c", planned_cost=Amount(Decimal(1000), "CNY"), begin_date=days[0], end_date=days[1])
    (one,) = compared(planned, {("COST", "CNY"): Decimal(came)}, date(2026, 3, 5))
    assert (str(one.expected), one.verdict) == (expected, verdict)
    assert one.words.startswith("cost is ")


async def test_a_campaign_says_what_of_its_plan_has_come_and_tells_when_it_leaves_the_band(marketing: Client) -> None:
    day = datetime.now(UTC).date()
    days = {"begin_date": str(day - timedelta(days=5)), "end_date": str(day - timedelta(days=2))}
    plan: dict[str, Any] = {
        "planned_reach": 2,
        "planned_conversions": 2,
        "planned_cost": cny("10.00"),
        "planned_revenue": cny("90"),
    }
    made = await campaign(marketing, tolerance_percent=10, **days, **plan)
    await action(marketing)
    await running(marketing, draft(campaign_code="spring"))
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await wanted(marketing, [fang, lei])
    await ordered(marketing, fang, "150.00", 1)
    await ordered(marketing, lei, "40.00", 1)
    found = {
        PlanComparison.Figure.Name(one.figure): (PlanComparison.Verdict.Name(one.verdict), one.actual)
        for one in (await effect(marketing, made)).comparisons
    }
    assert found == {
        "COST": ("BELOW", "0.00"),
        "REVENUE": ("ABOVE", "190.00"),
        "REACH": ("ON_PLAN", "2"),
        "CONVERSIONS": ("ON_PLAN", "2"),
    }
    for _ in range(2):
        async with marketing.transaction() as tx:
            await watch_campaigns(tx)
    (event,) = await told(marketing, events.CampaignPlanCompared)
    assert list(event.campaign.off_plan) == ["COST BELOW", "REVENUE ABOVE"]
    assert event.explanations[1].startswith("revenue is above plan: 190.00 CNY")


async def test_a_campaign_without_anything_cost_nothing(marketing: Client) -> None:
    found = await effect(marketing, await campaign(marketing))
    assert (found.send_count, found.reached_count, list(found.revenue), list(found.costs)) == (0, 0, [], [])
