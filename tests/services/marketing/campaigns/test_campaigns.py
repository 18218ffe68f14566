"""A campaign joins what was spent and what was ordered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from support.benefits import basket, grant, reserve
from support.deals import cny, told
from support.sending import decides, email, ended, somebody
from support.strategies import action, decisions, draft, running, template, wanted
from tercet.marketing.v1 import campaign_service_pb2 as pb
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.benefit_service_pb2 import ConfirmBenefitsRequest
from tercet.marketing.v1.channel_service_pb2 import ChannelAccount, CreateChannelAccountRequest
from tercet.marketing.v1.effect_service_pb2 import CampaignEffect, GetCampaignEffectRequest
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.send_service_pb2 import Send
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
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


async def test_a_campaign_without_anything_cost_nothing(marketing: Client) -> None:
    found = await effect(marketing, await campaign(marketing))
    assert (found.send_count, found.reached_count, list(found.revenue), list(found.costs)) == (0, 0, [], [])
