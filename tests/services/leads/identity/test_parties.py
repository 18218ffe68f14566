"""Recognition, merge, un-merge and split on the real service."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tercet.leads.v1.identity_service_pb2 import (
    ExplainLinkRequest,
    GetPartyRequest,
    Identity,
    KnownFacts,
    ListIdentitiesRequest,
    ListPartiesRequest,
    ListPartyDecisionsRequest,
    MergePartiesRequest,
    Party,
    PartyKind,
    RecognizeIdentityRequest,
    RecognizeIdentityResponse,
    SplitPartyRequest,
    UnmergePartiesRequest,
)
from tercet.type.v1.party_pb2 import LinkState
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_leads.cleaning import clean_lead
from tercet_leads.identity.recognition import Trace, candidates, recognise


async def recognised(
    leads: Client, kind: PartyKind = PartyKind.PERSON, identity_id: str = "", **facts: str
) -> RecognizeIdentityResponse:
    request = RecognizeIdentityRequest(kind=kind, facts=KnownFacts(**facts), identity_id=identity_id)
    found: RecognizeIdentityResponse = await leads.RecognizeIdentity(request)
    return found


async def members(leads: Client, party_id: str) -> list[Identity]:
    found = await leads.ListIdentities(ListIdentitiesRequest(filter=f'party_id = "{party_id}"', page_size=500))
    return list(found.identities)


async def test_identities_are_found_and_ordered_by_their_score(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    await recognised(leads, name="王 芳 女士", mobile="+86 138-1234-1234", city="济南市")
    found = await leads.ListIdentities(ListIdentitiesRequest(filter="score <= 1", order_by="score", page_size=1))
    rest = await leads.ListIdentities(
        ListIdentitiesRequest(filter="score <= 1", order_by="score", page_size=1, page_token=found.next_page_token)
    )
    scores = [found.identities[0].score, rest.identities[0].score]
    assert scores == sorted(scores)
    beyond = await leads.ListIdentities(ListIdentitiesRequest(filter="score > 99999999999999999999"))
    assert first.identity.id not in [identity.id for identity in beyond.identities]


async def test_same_mobile_and_name_is_the_same_person(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王 芳 女士", mobile="+86 138-1234-1234", city="济南市")
    assert first.is_new_party
    assert not second.is_new_party
    assert second.identity.party_id == first.identity.party_id
    assert second.identity.link_state == LinkState.CONFIRMED
    party: Party = await leads.GetParty(GetPartyRequest(id=first.identity.party_id))
    assert (party.member_count, list(party.phones), party.display_name) == (2, ["+8613812341234"], "王芳")


async def test_family_on_one_phone_is_two_persons(leads: Client) -> None:
    mother = await recognised(leads, name="王芳", mobile="13812341234")
    son = await recognised(leads, name="李强", mobile="13812341234")
    assert son.identity.party_id != mother.identity.party_id
    assert any(part.agreement == "under_other_name" for part in son.evidence)


async def test_person_and_company_of_one_phone_are_never_the_same(leads: Client) -> None:
    person = await recognised(leads, name="王芳", mobile="13812341234")
    company = await recognised(
        leads, PartyKind.COMPANY, name="王芳", mobile="13812341234", company_name="杭州云杉网络科技有限公司"
    )
    assert company.identity.party_id != person.identity.party_id


async def test_branch_is_not_its_head_office(leads: Client) -> None:
    head = await recognised(
        leads, PartyKind.COMPANY, company_name="福州腾康包装印刷有限公司", city="福州", phone="0591-83456789"
    )
    branch = await recognised(
        leads, PartyKind.COMPANY, company_name="福州腾康包装印刷有限公司杭州分公司", phone="0591-83456789"
    )
    assert branch.identity.party_id != head.identity.party_id


async def test_explanation_is_kept_with_the_identity(leads: Client) -> None:
    await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王芳", mobile="13812341234")
    why = await leads.ExplainLink(ExplainLinkRequest(id=second.identity.id))
    assert why.evidence[0].feature == "mobile"
    assert why.score > 0
    assert why.decided_by == Identity.RULES


async def test_identity_that_is_known_stays_with_its_party_and_adds_what_is_new(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    again = await recognised(leads, name="王芳", email="wang.fang@acme.cn", identity_id=first.identity.id)
    assert (again.identity.id, again.identity.party_id) == (first.identity.id, first.identity.party_id)
    by_mail = await recognised(leads, name="王芳", email="wang.fang@acme.cn")
    assert by_mail.identity.party_id == first.identity.party_id
    party = await leads.GetParty(GetPartyRequest(id=first.identity.party_id))
    assert party.member_count == 2


async def test_identity_id_may_be_chosen_by_the_caller(leads: Client) -> None:
    chosen = str(new_id())
    found = await recognised(leads, name="王芳", mobile="13812341234", identity_id=chosen)
    assert found.identity.id == chosen


async def test_trace_without_a_strong_key_is_its_own_party_and_unresolved(leads: Client) -> None:
    found = await recognised(leads, name="王芳", city="济南")
    assert found.is_new_party
    assert found.identity.link_state == LinkState.UNRESOLVED


async def test_tenants_never_meet(leads: Client) -> None:
    other = await leads.running.tenant()
    mine = await recognised(leads, name="王芳", mobile="13812341234")
    theirs = await recognised(other, name="王芳", mobile="13812341234")
    assert theirs.is_new_party
    with refused("RESOURCE_NOT_FOUND"):
        await leads.GetParty(GetPartyRequest(id=theirs.identity.party_id))
    assert mine.identity.party_id != theirs.identity.party_id


async def test_batch_finds_its_own_duplicates_and_answers_in_order(leads: Client) -> None:
    rows = [
        {"name": "王芳", "mobile": "13812341234"},
        {"name": "李强", "mobile": "13912341234"},
        {"name": "王芳", "phone": "138 1234 1234"},
    ]
    async with leads.transaction() as tx:
        found = await recognise(tx, [Trace(clean_lead(row)) for row in rows])
    assert found[0].party_id == found[2].party_id != found[1].party_id
    assert [recognition.is_new_party for recognition in found] == [True, True, False]


async def test_leads_that_come_at_the_same_time_with_one_phone_become_one_party(leads: Client) -> None:
    answers = await asyncio.gather(*(recognised(leads, name="王芳", mobile="13812341234") for _ in range(12)))
    assert len({answer.identity.party_id for answer in answers}) == 1
    party = await leads.GetParty(GetPartyRequest(id=answers[0].identity.party_id))
    assert party.member_count == 12


async def test_candidates_are_named_without_keeping_anything(leads: Client) -> None:
    known = await recognised(leads, name="王芳", mobile="13812341234")
    async with leads.transaction() as tx:
        found = await candidates(tx, clean_lead({"lead_type": "individual", "name": "王芳", "mobile": "13812341234"}))
    assert [str(candidate.party_id) for candidate in found] == [known.identity.party_id]
    assert found[0].link_state == "CONFIRMED"
    listed = await leads.ListParties(ListPartiesRequest())
    assert len(listed.parties) == 1


async def snapshot(leads: Client) -> dict[str, Any]:
    async with leads.transaction() as tx:
        identities = await tx.session.execute(
            text("SELECT id, party_id, link_state, decided_by FROM fenced.identities ORDER BY id")
        )
        parties = await tx.session.execute(
            text("SELECT id, state, merged_into_id, member_count, evidence, phones FROM fenced.parties ORDER BY id")
        )
        keys = await tx.session.execute(text("SELECT key, party_id FROM party_keys ORDER BY key, party_id"))
        return {"identities": identities.all(), "parties": parties.all(), "keys": keys.all()}


async def test_merge_and_unmerge_leave_everything_as_it_was(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    await recognised(leads, name="王芳", mobile="13812341234", email="wf@acme.cn")
    second = await recognised(leads, name="王方方", email="fang@example-shop.cn")
    before = await snapshot(leads)
    merge = await leads.MergeParties(
        MergePartiesRequest(
            id=first.identity.party_id, other_party_ids=[second.identity.party_id], reason="one person, two phones"
        )
    )
    assert [move.identity_id for move in merge.moves] == [second.identity.id]
    assert len(await members(leads, first.identity.party_id)) == 3
    gone = await leads.GetParty(GetPartyRequest(id=second.identity.party_id))
    assert (gone.state, gone.merged_into_id) == (Party.MERGED, first.identity.party_id)
    found = await recognised(leads, name="王方方", email="fang@example-shop.cn", identity_id=second.identity.id)
    assert found.identity.party_id == first.identity.party_id
    await leads.UnmergeParties(UnmergePartiesRequest(id=first.identity.party_id, decision_id=merge.id))
    assert await snapshot(leads) == before


async def test_merged_party_takes_traces_of_both(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王方方", mobile="13912345678")
    await leads.MergeParties(
        MergePartiesRequest(id=first.identity.party_id, other_party_ids=[second.identity.party_id])
    )
    third = await recognised(leads, name="王方方", mobile="13912345678")
    assert third.identity.party_id == first.identity.party_id


async def test_traces_that_came_after_a_merge_stay_when_it_is_undone(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王方方", mobile="13912345678")
    merge = await leads.MergeParties(
        MergePartiesRequest(id=first.identity.party_id, other_party_ids=[second.identity.party_id])
    )
    third = await recognised(leads, name="王芳", mobile="13812341234")
    await leads.UnmergeParties(UnmergePartiesRequest(id=first.identity.party_id, decision_id=merge.id))
    assert {identity.id for identity in await members(leads, first.identity.party_id)} == {
        first.identity.id,
        third.identity.id,
    }
    assert {identity.id for identity in await members(leads, second.identity.party_id)} == {second.identity.id}


async def test_split_gives_identities_a_party_of_their_own(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王芳", mobile="13812341234", email="wf@acme.cn")
    split = await leads.SplitParty(SplitPartyRequest(id=first.identity.party_id, identity_ids=[second.identity.id]))
    (move,) = split.moves
    assert (move.identity_id, move.from_party_id, move.version) == (second.identity.id, first.identity.party_id, 1)
    by_mail = await recognised(leads, name="王芳", email="wf@acme.cn")
    assert by_mail.identity.party_id == move.to_party_id


async def test_merge_moves_rows_of_this_service_at_once_and_tells_everybody(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王方方", mobile="13912345678")
    await leads.MergeParties(
        MergePartiesRequest(id=first.identity.party_id, other_party_ids=[second.identity.party_id])
    )
    async with leads.transaction() as tx:
        link = await tx.session.scalar(
            text("SELECT party_id FROM party_links WHERE identity_id = :id"), {"id": UUID(second.identity.id)}
        )
        told = await tx.session.scalar(
            text(
                "SELECT count(*) FROM outbox WHERE tenant_id = :tenant "
                "AND subject = 'tercet.leads.party_members.moved.v1'"
            ),
            {"tenant": leads.tenant_id},
        )
    assert (str(link), told) == (first.identity.party_id, 1)


async def test_impossible_decisions_are_refused(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王方方", mobile="13912345678")
    company = await recognised(leads, PartyKind.COMPANY, company_name="杭州云杉网络科技有限公司", city="杭州")
    with refused("PARTIES_OF_DIFFERENT_KIND"):
        await leads.MergeParties(
            MergePartiesRequest(id=first.identity.party_id, other_party_ids=[company.identity.party_id])
        )
    with refused("PARTY_MERGED_WITH_ITSELF"):
        await leads.MergeParties(
            MergePartiesRequest(id=first.identity.party_id, other_party_ids=[first.identity.party_id])
        )
    with refused("SPLIT_LEAVES_NOBODY"):
        await leads.SplitParty(SplitPartyRequest(id=first.identity.party_id, identity_ids=[first.identity.id]))
    with refused("IDENTITY_OF_OTHER_PARTY"):
        await leads.SplitParty(SplitPartyRequest(id=first.identity.party_id, identity_ids=[second.identity.id]))
    merge = await leads.MergeParties(
        MergePartiesRequest(id=first.identity.party_id, other_party_ids=[second.identity.party_id])
    )
    with refused("PARTY_ALREADY_MERGED"):
        await leads.MergeParties(
            MergePartiesRequest(id=first.identity.party_id, other_party_ids=[second.identity.party_id])
        )
    await leads.UnmergeParties(UnmergePartiesRequest(id=first.identity.party_id, decision_id=merge.id))
    with refused("MERGE_ALREADY_UNDONE"):
        await leads.UnmergeParties(UnmergePartiesRequest(id=first.identity.party_id, decision_id=merge.id))
    listed = await leads.ListPartyDecisions(ListPartyDecisionsRequest(filter=f'party_id = "{first.identity.party_id}"'))
    assert len(listed.party_decisions) == 2


async def test_of_merges_at_the_same_time_one_wins(leads: Client) -> None:
    first = await recognised(leads, name="王芳", mobile="13812341234")
    second = await recognised(leads, name="王方方", mobile="13912345678")
    third = await recognised(leads, name="李强强", mobile="13712345679")
    merges = [
        leads.MergeParties(MergePartiesRequest(id=stays.identity.party_id, other_party_ids=[third.identity.party_id]))
        for stays in (first, second)
    ]
    results = await asyncio.gather(*merges, return_exceptions=True)
    assert sum(isinstance(result, Exception) for result in results) == 1
    (moved,) = [
        identity
        for party in (first, second)
        for identity in await members(leads, party.identity.party_id)
        if identity.id == third.identity.id
    ]
    assert moved.id == third.identity.id


async def test_nobody_reads_parties_without_permission(leads: Client) -> None:
    found = await recognised(leads, name="王芳", mobile="13812341234")
    stranger = leads.as_(permissions={"leads.lead.read": "all"})
    with refused("PERMISSION_MISSING"):
        await stranger.GetParty(GetPartyRequest(id=found.identity.party_id))
