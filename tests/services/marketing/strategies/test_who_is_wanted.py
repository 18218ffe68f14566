"""Whom strategies want when segments and lifecycles change: a party once, and who fitted before only when asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from google.protobuf.struct_pb2 import Struct

from support.benefits import policy
from support.deals import catalogue, cny, confirmed, line, new_customer
from support.sending import profile_id, somebody
from tercet.marketing.v1 import lifecycle_service_pb2 as lifecycle_pb
from tercet.marketing.v1 import segment_service_pb2 as segment_pb
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.action_service_pb2 import Action, CreateActionRequest
from tercet.marketing.v1.loyalty_programme_service_pb2 import (
    CreateLoyaltyProgrammeRequest,
    LoyaltyProgramme,
    LoyaltyTier,
    TierRule,
)
from tercet.marketing.v1.profile_service_pb2 import AddTagRequest, RemoveTagRequest
from tercet.sales.v1.order_service_pb2 import CancelOrderRequest
from tercet.sales.v1.transaction_service_pb2 import ImportReceiptsRequest, Receipt
from tercet_chassis.testing import Client, refused

ENTERED, LEFT, STAGE = pb.Strategy.SEGMENT_ENTERED, pb.Strategy.SEGMENT_LEFT, pb.Strategy.STAGE_ENTERED


@pytest.fixture
async def gift(marketing: Client) -> str:
    await policy(marketing, "ten_off", {"off": "10.00"})
    wanted = Action(code="gift", display_name="Gift", tool_code="coupon", policy_code="ten_off")
    made: Action = await marketing.CreateAction(CreateActionRequest(action=wanted))
    return made.code


def tagged(code: str) -> Struct:
    condition = Struct()
    condition.update({"path": "tag_codes", "op": ":", "value": code})
    return condition


async def running(marketing: Client, code: str, **values: Any) -> None:
    given = {"action_code": "gift", "display_name": code, "reentry_days": 0, **values}
    made = await marketing.CreateStrategy(pb.CreateStrategyRequest(strategy=pb.Strategy(code=code, **given)))
    await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))
    await marketing.StartStrategy(pb.StartStrategyRequest(id=made.id))


async def decided(marketing: Client) -> list[tuple[str, str]]:
    """Which strategy wanted which party, in order."""
    found = await marketing.ListStrategyDecisions(
        pb.ListStrategyDecisionsRequest(order_by="create_time, strategy_code")
    )
    return [(one.strategy_code, one.party_id) for one in found.strategy_decisions]


async def tag(marketing: Client, identity: UUID, add: str = "", remove: str = "") -> None:
    id = await profile_id(marketing, identity)
    if add:
        await marketing.AddTag(AddTagRequest(id=id, tag_code=add))
    if remove:
        await marketing.RemoveTag(RemoveTagRequest(id=id, tag_code=remove))
    await marketing.settled()


async def segment(marketing: Client) -> str:
    wanted = segment_pb.Segment(code="vip", display_name="VIP", condition=tagged("vip"))
    made: segment_pb.Segment = await marketing.CreateSegment(segment_pb.CreateSegmentRequest(segment=wanted))
    return made.id


async def test_who_fitted_before_is_wanted_only_by_strategies_that_say_so(marketing: Client, gift: str) -> None:
    fang, lei = await somebody(marketing, "王芳"), await somebody(marketing, "李雷")
    await tag(marketing, fang, add="vip")
    id = await segment(marketing)
    await running(marketing, "new", trigger=ENTERED, segment_code="vip")
    await running(marketing, "all", trigger=ENTERED, segment_code="vip", include_existing=True)
    await marketing.ActivateSegment(segment_pb.ActivateSegmentRequest(id=id))
    await marketing.settled()
    assert await decided(marketing) == [("all", str(fang))]
    await tag(marketing, lei, add="vip")
    assert await decided(marketing) == [("all", str(fang)), ("all", str(lei)), ("new", str(lei))]


async def test_a_party_of_two_profiles_comes_once_and_goes_when_the_last_one_does(marketing: Client, gift: str) -> None:
    fang = await somebody(marketing, "王芳")
    other = await somebody(marketing, "王小芳", party_id=fang)
    await marketing.ActivateSegment(segment_pb.ActivateSegmentRequest(id=await segment(marketing)))
    # Whoever comes while it is filled counts as somebody who was there.
    await marketing.settled()
    await running(marketing, "in", trigger=ENTERED, segment_code="vip")
    await running(marketing, "out", trigger=LEFT, segment_code="vip")
    await tag(marketing, fang, add="vip")
    await tag(marketing, other, add="vip")
    await tag(marketing, fang, remove="vip")
    await tag(marketing, fang, add="vip")
    await tag(marketing, other, remove="vip")
    assert await decided(marketing) == [("in", str(fang))]
    await tag(marketing, fang, remove="vip")
    assert await decided(marketing) == [("in", str(fang)), ("out", str(fang))]
    await tag(marketing, other, add="vip")
    assert [code for code, _ in await decided(marketing)] == ["in", "out", "in"]


async def test_receipts_make_members_and_are_answered_when_the_till_says_that_they_are_new(
    sales: Client, marketing: Client, gift: str
) -> None:
    bought = Struct()
    bought.update({"facts": {"kinds": ["order"], "op": ">=", "value": 1}})
    wanted = segment_pb.Segment(code="buyers", display_name="买家", condition=bought)
    made = await marketing.CreateSegment(segment_pb.CreateSegmentRequest(segment=wanted))
    await marketing.ActivateSegment(segment_pb.ActivateSegmentRequest(id=made.id))
    await running(marketing, "thanks", trigger=ENTERED, segment_code="buyers")
    old, new = await new_customer(sales, "王芳"), await new_customer(sales, "李雷")
    for customer, automations in ((old, False), (new, True)):
        receipt = Receipt(external_ref={"system": "till", "id": customer.id}, amount=cny("88"), customer_id=customer.id)
        receipt.occur_time.GetCurrentTime()
        request = ImportReceiptsRequest(receipts=[receipt], automations=automations)
        assert (await sales.ImportReceipts(request)).imported == 1
    await sales.settled()
    await marketing.settled()
    members = await marketing.ListSegmentMembers(segment_pb.ListSegmentMembersRequest(segment_id=made.id))
    assert {one.party_id for one in members.members} == {old.party_id, new.party_id}
    assert set(await decided(marketing)) == {("thanks", new.party_id)}


async def test_each_purchase_is_an_occasion_whether_order_or_receipt_and_what_takes_it_back_is_none(
    sales: Client, marketing: Client, gift: str
) -> None:
    await running(marketing, "bought", trigger=pb.Strategy.EVENT, event_name="sales.transaction.recorded")
    fang, lei, old = [await new_customer(sales, name) for name in ("王芳", "李雷", "韩梅")]
    await catalogue(sales, {"tea": "100"})
    order = await confirmed(sales, fang, line("tea"))
    for customer, automations in ((lei, True), (old, False)):
        receipt = Receipt(external_ref={"system": "till", "id": customer.id}, amount=cny("88"), customer_id=customer.id)
        receipt.occur_time.GetCurrentTime()
        await sales.ImportReceipts(ImportReceiptsRequest(receipts=[receipt], automations=automations))
    await sales.settled()
    await sales.CancelOrder(CancelOrderRequest(id=order.id))
    await sales.settled()
    await marketing.settled()
    assert sorted(await decided(marketing)) == sorted([("bought", fang.party_id), ("bought", lei.party_id)])


async def test_members_and_their_tiers_are_occasions(sales: Client, marketing: Client, gift: str) -> None:
    rule = TierRule(basis=TierRule.SPEND, period=TierRule.YEAR, tiers=[LoyaltyTier(code="gold", threshold="50")])
    programme = LoyaltyProgramme(code="club", display_name="会员", currency_code="CNY", tier_rule=rule)
    await marketing.CreateLoyaltyProgramme(CreateLoyaltyProgrammeRequest(loyalty_programme=programme))
    for code, name in (("joined", "marketing.membership.created"), ("rose", "marketing.tier.changed")):
        await running(marketing, code, trigger=pb.Strategy.EVENT, event_name=name)
    fang = await new_customer(sales)
    await catalogue(sales, {"tea": "100"})
    await confirmed(sales, fang, line("tea"))
    await sales.settled()
    await marketing.settled()
    assert {code for code, _ in await decided(marketing)} == {"joined", "rose"}


async def test_a_strategy_waits_for_a_stage_of_a_lifecycle(marketing: Client, gift: str) -> None:
    stages = [
        lifecycle_pb.LifecycleStage(
            code=code, display_name=code, category=lifecycle_pb.LifecycleStage.ACTIVE, condition=tagged(code)
        )
        for code in ("gold", "silver")
    ]
    wanted = lifecycle_pb.Lifecycle(code="buyers", display_name="买家", stages=stages)
    lifecycle = await marketing.CreateLifecycle(lifecycle_pb.CreateLifecycleRequest(lifecycle=wanted))
    for values, reason in (
        ({}, "LIFECYCLE_NEEDED"),
        ({"lifecycle_code": "none"}, "LIFECYCLE_NOT_FOUND"),
        ({"lifecycle_code": "buyers", "stage_code": "bronze"}, "LIFECYCLE_STAGE_UNKNOWN"),
    ):
        with refused(reason):
            await running(marketing, "bad", trigger=STAGE, **values)
    fang = await somebody(marketing, "王芳")
    await tag(marketing, fang, add="silver")
    at = {"trigger": STAGE, "lifecycle_code": "buyers"}
    await running(marketing, "any", **at)
    await running(marketing, "existing", **at, stage_code="silver", include_existing=True)
    await running(marketing, "gold", **at, stage_code="gold")
    await marketing.ActivateLifecycle(lifecycle_pb.ActivateLifecycleRequest(id=lifecycle.id))
    await marketing.settled()
    assert [code for code, _ in await decided(marketing)] == ["existing"]
    await tag(marketing, fang, add="gold")
    assert [code for code, _ in await decided(marketing)] == ["existing", "any", "gold"]
