"""Tiers on the real service: they rise at once, fall at a review, multiply, and follow the party."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support.deals import told
from support.loyalty import balance, hear, member_of, move_party, programme, transaction
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.loyalty_programme_service_pb2 import (
    DeleteLoyaltyProgrammeRequest,
    EarnRule,
    ListLoyaltyProgrammesRequest,
    LoyaltyProgramme,
    LoyaltyTier,
    PreviewTierRuleRequest,
    TierRule,
    UpdateLoyaltyProgrammeRequest,
)
from tercet.sales.v1.transaction_service_pb2 import Transaction
from tercet_chassis.clock import Clock
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.loyalty.jobs import work_off

SHANGHAI = ZoneInfo("Asia/Shanghai")


def tier_rule(basis: Any = TierRule.POINTS, **more: Any) -> TierRule:
    tiers = [
        LoyaltyTier(code="silver", threshold="100", keep_threshold="50"),
        LoyaltyTier(code="gold", threshold="300", multiplier="2"),
    ]
    return TierRule(**{"basis": basis, "period": TierRule.MONTH, "tiers": tiers, **more})


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.fixture
def clock(marketing: Client) -> Iterator[Clock]:
    """Marketing's business time, put where a test wants it."""
    own = marketing.running.runtime.clock
    yield own
    own.release()


async def due(marketing: Client) -> None:
    async with marketing.transaction() as tx:
        await work_off(tx)


async def buy(marketing: Client, clock: Clock, buyer: object, amount: str, when: str) -> Transaction:
    clock.advance(day(when))
    bought = transaction(str(buyer), amount, day(when))
    await hear(marketing, bought)
    return bought


async def must_hold(marketing: Client) -> None:
    answer = await marketing.CheckInvariants(CheckInvariantsRequest())
    own = [finding for finding in answer.findings if finding.invariant.startswith(("ledgers.", "loyalty."))]
    assert all(finding.holds for finding in own), own


async def changes(marketing: Client) -> list[tuple[str, str, bool]]:
    return [(one.from_tier_code, one.to_tier_code, one.upgrade) for one in await told(marketing, events.TierChanged)]


async def test_a_tier_rises_at_once_multiplies_and_falls_at_the_review(marketing: Client, clock: Clock) -> None:
    await programme(marketing, tier_rule=tier_rule(grace_days=3))
    buyer = new_id()
    await buy(marketing, clock, buyer, "300", "2030-01-10")
    own = await member_of(marketing, buyer)
    assert own.tier_code == "gold"
    await buy(marketing, clock, buyer, "60", "2030-01-11")
    assert (await balance(marketing, own)).balance == "420"
    await buy(marketing, clock, buyer, "30", "2030-02-10")
    clock.advance(day("2030-03-03T23:59"))
    await due(marketing)
    assert (await member_of(marketing, buyer)).tier_code == "gold"
    clock.advance(day("2030-03-04"))
    await due(marketing)
    assert (await member_of(marketing, buyer)).tier_code == "silver"
    clock.advance(day("2030-04-04"))
    await due(marketing)
    last = await member_of(marketing, buyer)
    assert (last.tier_code, last.HasField("review_time")) == ("", False)
    assert await changes(marketing) == [("", "gold", True), ("gold", "silver", False), ("silver", "", False)]
    for text, code in {"2030-01-09": "", "2030-01-12": "gold", "2030-03-05": "silver", "2030-04-05": ""}.items():
        assert (await balance(marketing, own, day(text))).tier_code == code, text
    await must_hold(marketing)


async def test_spending_counts_net_of_what_came_back(marketing: Client, clock: Clock) -> None:
    # No points at all are earned: spending alone makes the tier.
    rules = [EarnRule(code="never", condition="amount < 0", points="1")]
    await programme(marketing, tier_rule=tier_rule(TierRule.SPEND), earn_rules=rules)
    buyer = new_id()
    bought = await buy(marketing, clock, buyer, "320", "2030-01-10")
    assert (await member_of(marketing, buyer)).tier_code == "gold"
    back = transaction(buyer, "-250", day("2030-01-20"))
    back.sale_id, back.kind = bought.id, Transaction.RETURN
    clock.advance(day("2030-01-20"))
    await hear(marketing, back)
    own = await member_of(marketing, buyer)
    has = await balance(marketing, own)
    assert (own.tier_code, has.tier_figure) == ("gold", "70.0000")
    clock.advance(day("2030-02-01"))
    await due(marketing)
    assert (await member_of(marketing, buyer)).tier_code == "silver"
    await must_hold(marketing)


async def test_merged_members_reach_a_tier_together_and_part_again(
    leads: Client, marketing: Client, clock: Clock
) -> None:
    await programme(marketing, tier_rule=tier_rule())
    one, two = str(new_id()), str(new_id())
    await buy(marketing, clock, one, "60", "2030-01-10")
    await buy(marketing, clock, two, "50", "2030-01-10")
    await move_party(leads, two, two, one, 1)
    assert [(await member_of(marketing, each)).tier_code for each in (one, two)] == ["silver", "silver"]
    assert await changes(marketing) == [("", "silver", True)]
    await move_party(leads, two, one, two, 2)
    assert [(await member_of(marketing, each)).tier_code for each in (one, two)] == ["", ""]
    await must_hold(marketing)


async def test_another_rule_is_previewed_and_then_followed(marketing: Client, clock: Clock) -> None:
    club = await programme(marketing, tier_rule=tier_rule())
    for amount in ("60", "150", "350"):
        await buy(marketing, clock, new_id(), amount, "2030-01-10")
    lower = tier_rule()
    lower.tiers[0].threshold, lower.tiers[0].keep_threshold = "50", ""
    preview = await marketing.PreviewTierRule(PreviewTierRuleRequest(id=club.id, tier_rule=lower))
    assert [(one.from_tier_code, one.to_tier_code, one.party_count) for one in preview.moves] == [
        ("", "silver", 1),
        ("gold", "gold", 1),
        ("silver", "silver", 1),
    ]
    changed = LoyaltyProgramme(id=club.id, tier_rule=lower)
    await marketing.UpdateLoyaltyProgramme(
        UpdateLoyaltyProgrammeRequest(loyalty_programme=changed, update_mask={"paths": ["tier_rule"]})
    )
    await due(marketing)
    assert len(await changes(marketing)) == 3
    await must_hold(marketing)


async def test_a_programme_that_cannot_work_is_refused_with_every_fault(marketing: Client) -> None:
    with refused("LOYALTY_PROGRAMME_INVALID", "loyalty_programme.earn_rules[1].condition"):
        await programme(
            marketing,
            earn_rules=[EarnRule(code="a", points="1"), EarnRule(code="a", points="1", condition="colour = 3")],
        )
    with refused("LOYALTY_PROGRAMME_INVALID", "loyalty_programme.earn_rules[0].per_amount"):
        await programme(marketing, earn_rules=[EarnRule(code="a", points="1", per_amount="0")])
    with refused("LOYALTY_PROGRAMME_INVALID", "loyalty_programme.time_zone"):
        await programme(marketing, time_zone="Mars/Base")
    with refused("LOYALTY_PROGRAMME_INVALID", "loyalty_programme.currency_code"):
        await programme(marketing, currency_code="QQQ")
    falling = tier_rule()
    falling.tiers[1].threshold, falling.tiers[1].keep_threshold = "90", "95"
    for fault in ("threshold", "keep_threshold"):
        with refused("LOYALTY_PROGRAMME_INVALID", f"loyalty_programme.tier_rule.tiers[1].{fault}"):
            await programme(marketing, tier_rule=falling)


async def test_a_programme_with_members_is_not_deleted(marketing: Client, clock: Clock) -> None:
    club, empty = await programme(marketing), await programme(marketing, "empty", active=False)
    await buy(marketing, clock, new_id(), "10", "2030-01-10")
    with refused("LOYALTY_PROGRAMME_IN_USE"):
        await marketing.DeleteLoyaltyProgramme(DeleteLoyaltyProgrammeRequest(id=club.id))
    await marketing.DeleteLoyaltyProgramme(DeleteLoyaltyProgrammeRequest(id=empty.id))
    listed = (await marketing.ListLoyaltyProgrammes(ListLoyaltyProgrammesRequest())).loyalty_programmes
    assert [(one.code, one.active, one.enrolment) for one in listed] == [("club", True, LoyaltyProgramme.AUTOMATIC)]
