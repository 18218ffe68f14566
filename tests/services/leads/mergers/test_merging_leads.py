"""Two leads of one party: marked, joined into one, and taken apart again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from support.leads import make
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.leads.v1 import lead_merge_service_pb2 as pb
from tercet.leads.v1.identity_service_pb2 import (
    MergePartiesRequest,
    PartyDecision,
    SplitPartyRequest,
    UnmergePartiesRequest,
)
from tercet.leads.v1.lead_service_pb2 import (
    DeleteLeadRequest,
    DisqualifyLeadRequest,
    GetLeadRequest,
    Lead,
    ListLeadsRequest,
    QualifyLeadRequest,
    ReopenLeadRequest,
    UpdateLeadRequest,
)
from tercet.leads.v1.touch_service_pb2 import ListTouchesRequest
from tercet_chassis.testing import Client, refused


async def known(leads: Client, id: str) -> Lead:
    found: Lead = await leads.GetLead(GetLeadRequest(id=id))
    return found


async def one_party(leads: Client, first: Lead, *others: Lead) -> PartyDecision:
    """Merges the parties of leads and waits for what follows."""
    parties = [lead.party_id for lead in others]
    decision: PartyDecision = await leads.MergeParties(
        MergePartiesRequest(id=first.party_id, other_party_ids=parties, reason="一个人")
    )
    await leads.settled()
    return decision


async def undone(leads: Client, decision: PartyDecision) -> None:
    await leads.UnmergeParties(UnmergePartiesRequest(id=decision.party_id, decision_id=decision.id))
    await leads.settled()


async def merged(leads: Client, lead: Lead, other: Lead, **values: Any) -> pb.LeadMerge:
    answer: pb.LeadMerge = await leads.MergeLeads(pb.MergeLeadsRequest(id=lead.id, other_id=other.id, **values))
    return answer


async def touches(leads: Client, lead: Lead) -> int:
    return len((await leads.ListTouches(ListTouchesRequest(filter=f'lead_id = "{lead.id}"'))).touches)


async def broken(leads: Client) -> dict[str, int]:
    """Broken invariants of leads, and how many of them wait to be joined."""
    answer = await leads.CheckInvariants(CheckInvariantsRequest())
    found = [finding for finding in answer.findings if finding.invariant.startswith("leads.")]
    waiting = {"waiting": sum(finding.waiting_count for finding in found)}
    return {finding.invariant: finding.broken_count for finding in found if not finding.holds} | waiting


async def everything(leads: Client) -> dict[str, Any]:
    async with leads.transaction() as tx:
        return {
            table: (await tx.session.execute(text(f"SELECT id, {columns} FROM fenced.{table} ORDER BY id"))).all()
            for table, columns in {
                "leads": "party_id, state, owner_id, mobile, email, interests, remark, touch_count, last_touch_time, "
                "last_source_code, duplicate_of_id, merged_into_id, score, grade",
                "touches": "lead_id, party_id",
            }.items()
        }


@pytest.fixture
async def two(leads: Client) -> tuple[Lead, Lead]:
    """Two leads of strangers, the second touched twice."""
    first = await make(leads, full_name="王芳", mobile="13812341234")
    second = await make(leads, full_name="王方方", email="fang@example-shop.cn", remark="周末有空", interests=["冰箱"])
    await make(leads, full_name="王方方", email="fang@example-shop.cn")
    return first, await known(leads, second.id)


async def test_merging_parties_marks_the_newer_lead_and_undoing_leaves_everything_as_it_was(
    leads: Client, two: tuple[Lead, Lead]
) -> None:
    first, second = two
    before = await everything(leads)
    decision = await one_party(leads, first, second)
    assert (await known(leads, second.id)).duplicate_of_id == first.id
    assert not (await known(leads, first.id)).duplicate_of_id
    listed = await leads.ListLeads(ListLeadsRequest(filter="duplicate_of_id:*"))
    assert [lead.id for lead in listed.leads] == [second.id]
    assert await broken(leads) == {"waiting": 1}
    await undone(leads, decision)
    assert await everything(leads) == before
    assert await broken(leads) == {"waiting": 0}


async def test_a_merge_moves_touches_and_fills_in_what_is_blank(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    await one_party(leads, first, second)
    plan = await merged(leads, first, second, validate_only=True)
    assert (await known(leads, second.id)).state == Lead.OPEN
    merge = await merged(leads, first, second, reason="一个人")
    assert list(plan.touch_ids) == list(merge.touch_ids)
    assert list(plan.filled_fields) == list(merge.filled_fields) == ["email", "interests", "remark"]
    stays, gone = await known(leads, first.id), await known(leads, second.id)
    assert (stays.touch_count, stays.email, list(stays.interests)) == (3, "fang@example-shop.cn", ["冰箱"])
    assert (gone.state, gone.merged_into_id, gone.touch_count) == (Lead.MERGED, first.id, 0)
    assert (await touches(leads, first), await touches(leads, second)) == (3, 0)
    assert await broken(leads) == {"waiting": 0}
    # What comes next is a touch of the one that stays.
    again = await make(leads, full_name="王方方", email="fang@example-shop.cn")
    assert (again.id, again.duplicate_touch) == (first.id, True)


async def test_parties_that_part_take_joined_leads_apart(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    before = await everything(leads)
    decision = await one_party(leads, first, second)
    merge = await merged(leads, first, second)
    await undone(leads, decision)
    assert await everything(leads) == before
    found = await leads.GetLeadMerge(pb.GetLeadMergeRequest(id=merge.id))
    assert (found.undo_reason, found.HasField("undo_time")) == ("parties differ", True)
    assert await broken(leads) == {"waiting": 0}


async def test_an_undone_merge_leaves_both_leads_as_they_were(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    await one_party(leads, first, second)
    before = await everything(leads)
    merge = await merged(leads, first, second)
    await leads.UnmergeLeads(pb.UnmergeLeadsRequest(id=merge.id, reason="两件事"))
    assert await everything(leads) == before
    with refused("LEAD_MERGE_UNDONE"):
        await leads.UnmergeLeads(pb.UnmergeLeadsRequest(id=merge.id))


async def test_of_a_chain_of_merges_the_middle_one_comes_apart_alone(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    third = await make(leads, full_name="李强强", mobile="13712345679")
    await one_party(leads, first, second, third)
    await merged(leads, second, third)
    await merged(leads, first, second)
    assert await touches(leads, first) == 4
    split = await leads.SplitParty(SplitPartyRequest(id=first.party_id, identity_ids=[third.identity_id]))
    await leads.settled()
    assert split.moves
    assert [await touches(leads, lead) for lead in (first, second, third)] == [3, 0, 1]
    assert (await known(leads, third.id)).state == Lead.OPEN
    assert await broken(leads) == {"waiting": 0}


async def test_a_mark_ends_when_one_of_the_two_is_closed_and_comes_back_with_it(
    leads: Client, two: tuple[Lead, Lead]
) -> None:
    first, second = two
    await one_party(leads, first, second)
    await leads.DisqualifyLead(DisqualifyLeadRequest(id=first.id, reason="没有需求"))
    await leads.settled()
    assert not (await known(leads, second.id)).duplicate_of_id
    with refused("PARTY_HAS_OPEN_LEAD"):
        await leads.ReopenLead(ReopenLeadRequest(id=first.id, reason="又有了"))
    await leads.DeleteLead(DeleteLeadRequest(id=second.id))
    await leads.settled()
    await leads.ReopenLead(ReopenLeadRequest(id=first.id, reason="又有了"))
    assert await broken(leads) == {"waiting": 0}


async def test_impossible_merges_are_refused(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    with refused("LEADS_OF_DIFFERENT_PARTIES"):
        await merged(leads, first, second)
    with refused("LEAD_MERGED_WITH_ITSELF"):
        await merged(leads, first, first)
    await one_party(leads, first, second)
    with refused("PERMISSION_MISSING"):
        await merged(leads.as_(permissions={"leads.lead.update": "all"}), first, second)
    with refused("ETAG_MISMATCH"):
        await merged(leads, first, second, etag="99")
    await merged(leads, first, second)
    with refused("LEAD_MERGED"):
        await merged(leads, first, second)


async def test_a_joined_lead_takes_nothing_more(leads: Client, two: tuple[Lead, Lead]) -> None:
    first, second = two
    await one_party(leads, first, second)
    await merged(leads, first, second)
    with refused("LEAD_MERGED"):
        await leads.UpdateLead(UpdateLeadRequest(lead=Lead(id=second.id, remark="?")))
    with refused("LEAD_MERGED"):
        await leads.QualifyLead(QualifyLeadRequest(id=second.id, reason="要报价"))
    with refused("LEAD_MERGED"):
        await leads.ReopenLead(ReopenLeadRequest(id=second.id, reason="要报价"))
    with refused("LEAD_MERGED"):
        await leads.DeleteLead(DeleteLeadRequest(id=second.id))


async def test_the_invariant_sees_a_double_that_nobody_marked(leads: Client, two: tuple[Lead, Lead]) -> None:
    await one_party(leads, *two)
    async with leads.transaction() as tx:
        await tx.session.execute(text("UPDATE leads SET duplicate_of_id = NULL"))
    assert await broken(leads) == {"leads.doubles_marked": 1, "waiting": 1}
