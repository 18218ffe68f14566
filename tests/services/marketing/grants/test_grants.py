"""Grants on the real service: given once, within limits and budgets, used, taken back, ended in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

from support.benefits import basket, budget, grant, policy, reserve
from support.deals import new_customer, told
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.benefit_service_pb2 import ConfirmBenefitsRequest
from tercet.marketing.v1.budget_service_pb2 import GetBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import (
    GetGrantRequest,
    Grant,
    ListGrantsRequest,
    RedeemGrantRequest,
    ReverseGrantRequest,
)
from tercet.marketing.v1.loyalty_programme_service_pb2 import (
    CreateLoyaltyProgrammeRequest,
    LoyaltyProgramme,
    LoyaltyTier,
    TierRule,
)
from tercet.marketing.v1.membership_service_pb2 import ListMembershipsRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.grants.ending import expire_due
from tercet_marketing.grants.issuing import Ask, issue_all


def reasons(answers: list[Any]) -> list[str]:
    """Why what was refused was."""
    return [answer.reason for answer in answers if isinstance(answer, Refusal)]


async def test_a_grant_is_given_once_by_its_key(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"}, validity={"days": 7}, funded_by="dealer")
    buyer = new_id()
    one = await grant(marketing, buyer, "coupon", "ten", "welcome:1")
    assert await grant(marketing, buyer, "coupon", "ten", "welcome:1") == one
    assert (one.state, one.version, one.numbers["off"], one.funded_by) == (Grant.ISSUED, 1, "10", "dealer")
    assert one.HasField("end_time")
    with refused("GRANT_KEY_REUSED", "key"):
        await grant(marketing, new_id(), "coupon", "ten", "welcome:1")
    # Another version changes nothing of what was given.
    await policy(marketing, "ten", {"off": "99"})
    assert (await marketing.GetGrant(GetGrantRequest(id=one.id))).numbers["off"] == "10"
    assert len(await told(marketing, events.GrantIssued)) == 1


async def test_many_who_give_under_one_key_give_once(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"}, issue_limits={"total": 5})
    buyer = new_id()
    given = await asyncio.gather(*(grant(marketing, buyer, "coupon", "ten", "same") for _ in range(10)))
    assert len({one.id for one in given}) == 1
    for number in range(4):
        await grant(marketing, new_id(), "coupon", "ten", f"k{number}")
    with refused("LIMIT_REACHED"):
        await grant(marketing, new_id(), "coupon", "ten", "one too many")


async def test_limits_hold_for_customer_party_and_day(marketing: Client) -> None:
    await policy(marketing, "c", {"off": "10"}, issue_limits={"per_customer": 1})
    await policy(marketing, "d", {"off": "10"}, issue_limits={"per_day": 2})
    one, two, three = new_id(), new_id(), new_id()
    await grant(marketing, one, "coupon", "c", "a")
    with refused("LIMIT_REACHED"):
        await grant(marketing, one, "coupon", "c", "b")
    await grant(marketing, two, "coupon", "c", "c")
    for number, buyer in enumerate((one, two)):
        await grant(marketing, buyer, "coupon", "d", f"d{number}")
    with refused("LIMIT_REACHED"):
        await grant(marketing, three, "coupon", "d", "d3")


async def test_a_limit_for_a_party_counts_all_its_identities(marketing: Client) -> None:
    await policy(marketing, "p", {"off": "10"}, issue_limits={"per_party": 2})
    one, two = new_id(), new_id()
    await grant(marketing, one, "coupon", "p", "a")
    await grant(marketing, two, "coupon", "p", "b")
    async with marketing.transaction() as tx:
        await tx.known.follow_move(two, one, 1)

    more = (grant(marketing, (one, two)[number % 2], "coupon", "p", f"more{number}") for number in range(6))
    assert reasons(await asyncio.gather(*more, return_exceptions=True)) == ["LIMIT_REACHED"] * 6
    held = await marketing.ListGrants(ListGrantsRequest(filter=f'party_id = "{one}"'))
    assert len(held.grants) == 2


async def test_red_packets_never_hold_more_than_the_budget(marketing: Client) -> None:
    money = await budget(marketing, "b", "50.00")
    await policy(marketing, "lucky", {"amount_min": "1.00", "amount_max": "9.99"}, budget_code="b")

    asked = (grant(marketing, new_id(), "red_packet", "lucky", f"k{number}") for number in range(30))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    given = [one for one in answers if isinstance(one, Grant)]
    assert reasons(answers) == ["BUDGET_SPENT"] * (30 - len(given))
    cents = [round(float(one.face.amount) * 100) for one in given]
    assert all(100 <= each <= 999 for each in cents)
    assert all(one.numbers["amount"] == one.face.amount for one in given)
    left = (await marketing.GetBudget(GetBudgetRequest(id=money.id))).available.amount
    assert sum(cents) + round(float(left) * 100) == 5000
    taken = await marketing.ReverseGrant(ReverseGrantRequest(id=given[0].id))
    assert taken.state == Grant.REVERSED
    await marketing.ReverseGrant(ReverseGrantRequest(id=given[0].id))
    after = (await marketing.GetBudget(GetBudgetRequest(id=money.id))).available.amount
    assert round(float(after) * 100) - round(float(left) * 100) == cents[0]


async def test_a_gift_is_picked_up_once(marketing: Client) -> None:
    await policy(marketing, "mug", {"gifts": [{"product_code": "MUG"}]}, redeem_limits={"total": 1})
    held = await grant(marketing, new_id(), "gift", "mug")
    used = await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="counter", reference="柜台 3"))
    assert (used.state, used.reference) == (Grant.REDEEMED, "柜台 3")
    assert await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="counter", reference="柜台 3")) == used
    with refused("GRANT_NOT_USABLE"):
        await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="again"))
    other = await grant(marketing, new_id(), "gift", "mug")
    with refused("LIMIT_REACHED"):
        await marketing.RedeemGrant(RedeemGrantRequest(id=other.id, key="counter"))
    assert len(await told(marketing, events.GrantRedeemed)) == 1


async def test_a_coupon_is_only_used_on_an_order(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    buyer = new_id()
    held = await grant(marketing, buyer, "coupon", "ten")
    with refused("GRANT_FOR_ORDERS"):
        await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="x"))
    await marketing.ReserveBenefits(reserve("o1", basket(buyer, "50.00")))
    with refused("GRANT_ON_ORDER"):
        await marketing.ReverseGrant(ReverseGrantRequest(id=held.id))
    await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key="o1"))
    with refused("GRANT_ON_ORDER"):
        await marketing.ReverseGrant(ReverseGrantRequest(id=held.id))


async def test_whoever_answers_a_questionnaire_is_rewarded_once(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    asked = {"form_code": "survey", "reward_tool_code": "coupon", "reward_policy_code": "ten"}
    await policy(marketing, "ask", asked, currency_code="")
    buyer = new_id()
    held = await grant(marketing, buyer, "questionnaire", "ask")
    for _ in range(2):
        await marketing.RedeemGrant(RedeemGrantRequest(id=held.id, key="answer:1", reference="answer 1"))
    found = await marketing.ListGrants(ListGrantsRequest(filter=f'identity_id = "{buyer}" AND tool_code = "coupon"'))
    assert [one.origin for one in found.grants] == [Grant.REWARD]


async def test_points_are_credited_and_taken_back(marketing: Client) -> None:
    programme = LoyaltyProgramme(code="club", display_name="会员", currency_code="CNY")
    await marketing.CreateLoyaltyProgramme(CreateLoyaltyProgrammeRequest(loyalty_programme=programme))
    await policy(marketing, "hundred", {"programme_code": "club", "points": 100}, currency_code="")
    member = new_id()
    given = await grant(marketing, member, "points", "hundred")
    assert given.state == Grant.REDEEMED

    async def points() -> Decimal:
        (found,) = (await marketing.ListMemberships(ListMembershipsRequest())).memberships
        assert found.identity_id == str(member)
        return Decimal(found.points)

    assert await points() == 100
    assert await grant(marketing, member, "points", "hundred") == given
    taken = await marketing.ReverseGrant(ReverseGrantRequest(id=given.id))
    assert taken.state == Grant.REVERSED
    assert await points() == 0


async def test_what_is_not_used_in_its_time_ends_and_its_money_is_free(marketing: Client) -> None:
    money = await budget(marketing, "b", "20.00")
    await policy(
        marketing, "packet", {"amount": "20"}, tool_codes=["red_packet"], budget_code="b", validity={"days": 1}
    )
    held = await grant(marketing, new_id(), "red_packet", "packet")
    async with marketing.transaction() as tx:
        assert await expire_due(tx, tx.now(), 10) == 0
        assert await expire_due(tx, tx.now() + timedelta(days=1), 10) == 1
    assert (await marketing.GetGrant(GetGrantRequest(id=held.id))).state == Grant.EXPIRED
    assert (await marketing.GetBudget(GetBudgetRequest(id=money.id))).available.amount == "20.00"
    with refused("GRANT_NOT_REVERSIBLE"):
        await marketing.ReverseGrant(ReverseGrantRequest(id=held.id))
    assert len(await told(marketing, events.GrantExpired)) == 1


async def test_several_are_given_each_for_itself(marketing: Client) -> None:
    await policy(marketing, "two", {"off": "10"}, issue_limits={"total": 2})
    async with marketing.transaction() as tx:
        asks = [Ask(f"k{at}", new_id(), "coupon", "two") for at in range(3)]
        given = await issue_all(tx, [*asks, asks[0]])
        assert [isinstance(one, Refusal) for one in given] == [False, False, True, False]
        assert given[3] is given[0]


async def test_numbers_follow_the_beneficiarys_tier(marketing: Client) -> None:
    tiers = [LoyaltyTier(code="base", threshold="0"), LoyaltyTier(code="gold", threshold="50")]
    rule = TierRule(basis=TierRule.POINTS, period=TierRule.YEAR, tiers=tiers)
    programme = LoyaltyProgramme(code="club", display_name="会员", currency_code="CNY", tier_rule=rule)
    await marketing.CreateLoyaltyProgramme(CreateLoyaltyProgrammeRequest(loyalty_programme=programme))
    points = {"programme_code": "club", "points": 60, "counts_for_tiers": True}
    await policy(marketing, "sixty", points, currency_code="")
    await policy(marketing, "ten", {"off": "10"}, rows=[{"tier_code": "gold", "numbers": {"off": "15"}}])
    gold, other = new_id(), new_id()
    await grant(marketing, gold, "points", "sixty")
    assert (await grant(marketing, gold, "coupon", "ten")).numbers["off"] == "15"
    assert (await grant(marketing, other, "coupon", "ten")).numbers["off"] == "10"


async def test_a_seller_sees_the_grants_of_own_customers_alone(sales: Client, marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    seller = new_id()
    mine = await new_customer(sales, "王芳", owner_id=str(seller))
    other = await new_customer(sales, "李雷")
    await sales.settled()
    for customer in (mine, other):
        await grant(marketing, customer.identity_id, "coupon", "ten")
    client = marketing.as_(permissions={"marketing.grant.read": "own"}, user_id=seller)
    seen = (await client.ListGrants(ListGrantsRequest())).grants
    assert [one.identity_id for one in seen] == [mine.identity_id]


async def test_zones_and_tools_that_are_not_there_are_refused(marketing: Client) -> None:
    await policy(marketing, "ten", {"off": "10"})
    with refused("ZONE_UNKNOWN", "zone"):
        await grant(marketing, new_id(), "coupon", "ten", zone="Mars/Base")
    with refused("TOOL_UNKNOWN"):
        await grant(marketing, new_id(), "lottery", "ten")
    with refused("TOOL_POLICY_INCOMPATIBLE"):
        await grant(marketing, new_id(), "gift", "ten")
    with refused("POLICY_MISSING", "policy_code"):
        await grant(marketing, new_id(), "coupon", "")
