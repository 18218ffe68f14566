"""Calls of one caller that arrive together share a transaction, and none of them notices."""

from __future__ import annotations

import asyncio

from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead, ListLeadsRequest
from tercet_chassis.errors import Refusal
from tercet_chassis.testing import Client, refused


def person(number: int) -> CreateLeadRequest:
    return CreateLeadRequest(lead=Lead(full_name=f"王芳{number}", mobile=f"1381234{number:04d}"))


async def test_thirty_at_once_become_thirty_leads(leads: Client) -> None:
    made = await asyncio.gather(*(leads.CreateLead(person(number)) for number in range(30)))
    listed = await leads.ListLeads(ListLeadsRequest(page_size=50))
    assert {lead.id for lead in made} == {lead.id for lead in listed.leads}
    assert len({lead.party_id for lead in made}) == 30
    assert all(lead.etag == "1" and lead.create_time.seconds for lead in made)


async def test_a_refused_call_refuses_no_other(leads: Client) -> None:
    calls = [person(number) for number in range(12)]
    calls[5] = CreateLeadRequest(lead=Lead(remark="谁?"))
    answers = await asyncio.gather(*(leads.CreateLead(call) for call in calls), return_exceptions=True)
    assert {n: answer.reason for n, answer in enumerate(answers) if isinstance(answer, Refusal)} == {5: "LEAD_EMPTY"}


async def test_a_chosen_id_that_is_taken_spoils_no_other_call(leads: Client) -> None:
    known = await leads.CreateLead(person(1))
    calls = [person(number) for number in range(20, 26)]
    calls[3].lead.id = known.id
    answers = await asyncio.gather(*(leads.CreateLead(call) for call in calls))
    assert answers[3].id == known.id
    assert len({answer.id for answer in answers}) == 6


async def test_repetitions_get_the_same_reply_wherever_they_meet(leads: Client) -> None:
    calls = [leads.CreateLead(person(number % 4), request_id=f"call-{number % 4}") for number in range(16)]
    answers = await asyncio.gather(*calls)
    assert len({answer.id for answer in answers}) == 4
    again = await asyncio.gather(*(leads.CreateLead(person(n), request_id=f"call-{n}") for n in range(4)))
    assert [lead.id for lead in again] == [lead.id for lead in answers[:4]]


async def test_a_request_id_with_another_body_is_refused_alone(leads: Client) -> None:
    await leads.CreateLead(person(1), request_id="one")
    calls = [leads.CreateLead(person(number), request_id=f"fresh-{number}") for number in range(30, 36)]
    *others, reused = await asyncio.gather(
        *calls, leads.CreateLead(person(99), request_id="one"), return_exceptions=True
    )
    assert isinstance(reused, Refusal)
    assert reused.reason == "IDEMPOTENCY_KEY_REUSED"
    assert len({lead.id for lead in others if isinstance(lead, Lead)}) == 6


async def test_the_same_person_twice_at_once_is_one_lead_with_two_touches(leads: Client) -> None:
    same = [CreateLeadRequest(lead=Lead(full_name="李强", mobile="13900001111")) for _ in range(6)]
    answers = await asyncio.gather(*(leads.CreateLead(call) for call in same))
    assert len({lead.id for lead in answers}) == 1
    assert sorted(lead.duplicate_touch for lead in answers) == [False, *[True] * 5]


async def test_a_call_that_comes_alone_is_refused_as_ever(leads: Client) -> None:
    with refused("LEAD_EMPTY"):
        await leads.CreateLead(CreateLeadRequest(lead=Lead(remark="?")))
