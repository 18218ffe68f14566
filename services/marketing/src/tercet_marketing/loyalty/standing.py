"""A party's tier: replayed from what was earned or spent, kept on each of its memberships, told when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_marketing.loyalty import store
from tercet_marketing.loyalty.model import LoyaltyProgramme, Membership
from tercet_marketing.loyalty.tiers import TierRule, TierState, replay
from tercet_marketing.loyalty.wallet import zone_of


async def rule_of(tx: Tx, programme: LoyaltyProgramme) -> TierRule:
    """The programme's tiers, their periods counted in its own zone, the same for all members."""
    return programme.rule_of_tiers(await zone_of(tx, programme))


async def tiers_of(
    tx: Tx, programme: LoyaltyProgramme, parties: Sequence[Sequence[Membership]], rule: TierRule, until: datetime
) -> list[TierState]:
    """The tiers of parties at a moment, and how they came."""
    members = [member for party in parties for member in party]
    if rule.basis == "SPEND":
        facts = await store.spend_facts(tx, members, programme.currency_code)
    else:
        facts = await store.points_facts(tx, members)
    return [replay(rule, (fact for one in party for fact in facts.get(one.id, ())), until) for party in parties]


async def tier_of(
    tx: Tx, programme: LoyaltyProgramme, members: Sequence[Membership], rule: TierRule, until: datetime
) -> TierState:
    """The tier of one party at a moment, and how it came."""
    return (await tiers_of(tx, programme, [members], rule, until))[0]


async def review(tx: Tx, programme: LoyaltyProgramme, party_id: UUID) -> None:
    """Replays a party's tier and writes it on its memberships; one event tells a change, about the earliest of them."""
    await tx.flush()
    members = await store.party_members(tx, programme.code, party_id)
    if not members:
        return
    rule = await rule_of(tx, programme)
    if not rule.tiers and not any(member.tier_code or member.review_time for member in members):
        return
    state = await tier_of(tx, programme, members, rule, tx.now())
    first = members[0]
    before = first.tier_code
    for member in members:
        changed = member.tier_code != state.code
        member.tier_code, member.tier_time, member.review_time = state.code, state.since, state.review_time
        if changed and member is not first:
            tx.emit(events.MembershipUpdated, member)
    if before != state.code:
        codes = [tier.code for tier in rule.tiers]
        upwards = codes.index(state.code) if state.code in codes else -1
        downwards = codes.index(before) if before in codes else -1
        tx.emit(
            events.TierChanged,
            first,
            from_tier_code=before,
            to_tier_code=state.code,
            upgrade=upwards > downwards,
            occur_time=state.since,
        )
