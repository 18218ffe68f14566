"""A pool's lead goes to exactly one seller, and back when nobody follows it up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from support.leads import events_of, make, mobile, person
from tercet.leads.v1.lead_service_pb2 import (
    ClaimLeadRequest,
    GetLeadRequest,
    HandBackLeadRequest,
    Lead,
    QualifyLeadRequest,
    RecordContactRequest,
    ReleaseLeadRequest,
)
from tercet.leads.v1.pool_service_pb2 import CreatePoolRequest, DeletePoolRequest, ListPoolMovesRequest, Pool, PoolMove
from tercet_chassis import Refusal, new_id
from tercet_chassis.testing import Client, refused
from tercet_leads.leads.jobs import warn_and_recycle
from tercet_leads.leads.model import Lead as LeadEntity


async def pool(leads: Client, **values: Any) -> Pool:
    given = Pool(code="public", display_name="公海", fallback=True, **values)
    answer: Pool = await leads.CreatePool(CreatePoolRequest(pool=given))
    return answer


def seller(leads: Client) -> Client:
    return leads.as_(permissions={"leads.lead.*": "all"}, user_id=new_id())


async def pooled(leads: Client, number: int) -> Lead:
    lead = await make(leads, full_name=person(number), mobile=mobile(number))
    assert lead.pool_code == "public"
    return lead


async def backdate(leads: Client, lead_id: str, hours: float) -> None:
    """As if the lead had been claimed so many hours earlier."""
    async with leads.transaction() as tx:
        moved = LeadEntity.recycle_time - timedelta(hours=hours)
        await tx.session.execute(update(LeadEntity).where(LeadEntity.id == lead_id).values(recycle_time=moved))


async def test_of_a_hundred_claims_at_once_exactly_one_succeeds(leads: Client) -> None:
    await pool(leads)
    lead = await pooled(leads, 1)

    async def attempt() -> str:
        try:
            return str((await seller(leads).ClaimLead(ClaimLeadRequest(id=lead.id), timeout=60)).owner_id)
        except Refusal as refusal:
            return refusal.reason

    answers = await asyncio.gather(*(attempt() for _ in range(100)))
    winners = [answer for answer in answers if answer != "LEAD_ALREADY_CLAIMED"]
    assert len(winners) == 1
    assert (await leads.GetLead(GetLeadRequest(id=lead.id))).owner_id == winners[0]
    moves = (await leads.ListPoolMoves(ListPoolMovesRequest(filter=f'lead_id = "{lead.id}"'))).pool_moves
    assert [move.kind for move in moves].count(PoolMove.CLAIMED) == 1


async def test_seller_holds_no_more_than_the_quota_even_at_once(leads: Client) -> None:
    await pool(leads, claim_quota=2)
    waiting = [await pooled(leads, number) for number in range(5)]
    one = seller(leads)

    async def attempt(lead: Lead) -> str:
        try:
            await one.ClaimLead(ClaimLeadRequest(id=lead.id))
            return "OK"
        except Refusal as refusal:
            return refusal.reason

    answers = await asyncio.gather(*map(attempt, waiting))
    assert sorted(answers) == ["CLAIM_QUOTA_SPENT"] * 3 + ["OK"] * 2


async def test_lead_nobody_follows_up_is_warned_of_and_goes_back_with_its_history(leads: Client) -> None:
    await pool(leads, recycle_hours=48, warn_hours=12, rest_hours=24)
    lead = await pooled(leads, 1)
    one = seller(leads)
    claimed = await one.ClaimLead(ClaimLeadRequest(id=lead.id))
    assert claimed.HasField("recycle_time")
    for hours in (40, 10):
        await backdate(leads, lead.id, hours)
        for _ in range(2):
            async with leads.transaction() as tx:
                await warn_and_recycle(tx)
    after = await leads.GetLead(GetLeadRequest(id=lead.id))
    assert (after.owner_id, after.pool_code, after.state) == ("", "public", Lead.OPEN)
    names = [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)]
    assert names == ["LeadCreated", "LeadClaimed", "LeadRecycleWarned", "LeadRecycled"]
    moves = (
        await leads.ListPoolMoves(ListPoolMovesRequest(filter=f'lead_id = "{lead.id}"', order_by="move_time"))
    ).pool_moves
    assert [move.kind for move in moves] == [PoolMove.POOLED, PoolMove.CLAIMED, PoolMove.WARNED, PoolMove.RECYCLED]
    with refused("CLAIM_TOO_SOON"):
        await one.ClaimLead(ClaimLeadRequest(id=lead.id))
    assert (await seller(leads).ClaimLead(ClaimLeadRequest(id=lead.id))).owner_id


async def test_contact_keeps_the_lead(leads: Client) -> None:
    await pool(leads, recycle_hours=48)
    lead = await pooled(leads, 1)
    one = seller(leads)
    await one.ClaimLead(ClaimLeadRequest(id=lead.id))
    await backdate(leads, lead.id, 60)
    contacted = await one.RecordContact(RecordContactRequest(id=lead.id))
    assert contacted.state == Lead.WORKING
    assert contacted.first_contact_seconds >= 0
    async with leads.transaction() as tx:
        await warn_and_recycle(tx)
    assert (await leads.GetLead(GetLeadRequest(id=lead.id))).owner_id


async def test_released_lead_waits_in_its_pool_again(leads: Client) -> None:
    await pool(leads)
    lead = await pooled(leads, 1)
    one = seller(leads)
    with refused("LEAD_HAS_NO_OWNER"):
        await one.ReleaseLead(ReleaseLeadRequest(id=lead.id, reason="x"))
    await one.ClaimLead(ClaimLeadRequest(id=lead.id))
    released = await one.ReleaseLead(ReleaseLeadRequest(id=lead.id, reason="不是我的行业"))
    assert (released.owner_id, released.pool_code, released.state_reason) == ("", "public", "不是我的行业")
    with refused("REQUEST_INVALID", "reason"):
        await one.ReleaseLead(ReleaseLeadRequest(id=lead.id))


async def test_qualified_lead_is_handed_back_with_a_reason(leads: Client) -> None:
    await pool(leads)
    lead = await pooled(leads, 1)
    one = seller(leads)
    await one.ClaimLead(ClaimLeadRequest(id=lead.id))
    with refused("LEAD_NOT_QUALIFIED"):
        await one.HandBackLead(HandBackLeadRequest(id=lead.id, reason="x"))
    await one.QualifyLead(QualifyLeadRequest(id=lead.id))
    back = await one.HandBackLead(HandBackLeadRequest(id=lead.id, reason="没有预算"))
    assert (back.state, back.owner_id, back.state_reason) == (Lead.OPEN, "", "没有预算")
    with refused("REQUEST_INVALID", "reason"):
        await one.HandBackLead(HandBackLeadRequest(id=lead.id))


async def test_claiming_for_somebody_else_needs_the_right_to_assign(leads: Client) -> None:
    await pool(leads)
    lead = await pooled(leads, 1)
    plain = leads.as_(permissions={"leads.lead.claim": "all"}, user_id=new_id())
    with refused("PERMISSION_MISSING"):
        await plain.ClaimLead(ClaimLeadRequest(id=lead.id, owner_id=str(new_id())))


async def test_pool_that_leads_went_through_stays(leads: Client) -> None:
    used = await pool(leads)
    await pooled(leads, 1)
    with refused("POOL_IN_USE"):
        await leads.DeletePool(DeletePoolRequest(id=used.id))


async def test_warning_after_the_recycling_is_refused(leads: Client) -> None:
    with refused("POOL_TIMES_INVALID", "pool.warn_hours"):
        await pool(leads, recycle_hours=10, warn_hours=10)
