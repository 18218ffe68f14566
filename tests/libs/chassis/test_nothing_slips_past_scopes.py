"""Attacks on record scopes: what a chassis keeps beside the rows is seen no further than the rows."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.message import Message

from support.bench.requests import create, everything
from tercet.chassis.v1 import audit_service_pb2 as audit
from tercet.chassis.v1 import dead_letter_service_pb2 as letters
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis.testing import Client, refused


async def test_whoever_may_not_read_everything_reads_in_the_audit_what_they_did(sut: Client) -> None:
    mine = sut.as_(permissions={"*": "own"})
    made, other = await create(mine), await create(sut)
    found = (await mine.ListAuditEntries(audit.ListAuditEntriesRequest())).audit_entries
    assert {entry.resource_id for entry in found} == {made.id}
    request = audit.ListAuditEntriesRequest(resource_id=other.id)
    assert not (await mine.ListAuditEntries(request)).audit_entries
    assert len((await sut.ListAuditEntries(request)).audit_entries) == 1


async def test_a_dead_letter_is_of_no_unit_and_tells_no_masked_name(sut: Client) -> None:
    await create(sut, "refuse 欧阳晓晓")
    await sut.settled()
    [letter] = (await sut.ListDeadLetters(letters.ListDeadLettersRequest())).dead_letters
    assert "欧阳晓晓" in letter.message
    part = sut.as_(permissions={"*": "unit"}, unit_id=sut.principal.unit_id)
    assert not (await part.ListDeadLetters(letters.ListDeadLettersRequest())).dead_letters
    for attempt in (part.RetryDeadLetter, part.DiscardDeadLetter):
        with refused("RESOURCE_NOT_FOUND"):
            await attempt(letters.RetryDeadLetterRequest(id=letter.id))
    [shown] = (await sut.as_(masks=["NAME"]).ListDeadLetters(letters.ListDeadLettersRequest())).dead_letters
    assert "欧阳晓晓" not in shown.message


@pytest.mark.parametrize("scope", ["own", "unit", "unit_below", "partner", "shared"])
async def test_an_etag_or_a_mask_is_no_way_to_learn_of_a_row_out_of_reach(sut: Client, scope: str) -> None:
    made = await create(sut)
    caller = sut.as_(permissions={"*": scope})
    attempts: list[tuple[str, Message]] = [
        ("GetContact", pb.GetContactRequest(id=made.id)),
        ("DeleteContact", pb.DeleteContactRequest(id=made.id, etag="999")),
        ("UpdateContact", pb.UpdateContactRequest(contact=pb.Contact(id=made.id, etag="999", full_name="x"))),
    ]
    for name, request in attempts:
        with refused("RESOURCE_NOT_FOUND"):
            await getattr(caller, name)(request)
    page = await caller.ListContacts(pb.ListContactsRequest(q="王芳", count=True))
    assert (list(page.contacts), page.total_size) == ([], 0)


async def test_a_page_token_is_its_callers_own(sut: Client) -> None:
    for _ in range(3):
        await create(sut)
    token = (await sut.ListContacts(pb.ListContactsRequest(page_size=1))).next_page_token
    for stranger in (sut.as_(), await sut.running.tenant()):
        with refused("PAGE_TOKEN_INVALID"):
            await stranger.ListContacts(pb.ListContactsRequest(page_size=1, page_token=token))


async def test_callers_who_ask_at_the_same_moment_get_each_their_own(sut: Client) -> None:
    mine, other = sut.as_(permissions={"*": "own"}), sut.as_(permissions={"*": "own"})
    masked = sut.as_(user_id=mine.principal.user_id, permissions={"*": "own"}, masks=["NAME"])
    made = await create(mine, "诸葛孔明先生")
    request = pb.GetContactRequest(id=made.id)
    calls = [client.GetContact(request) for _ in range(20) for client in (mine, other, masked)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {one.full_name for one in answers[0::3]} == {"诸葛孔明先生"}  # type: ignore[union-attr]
    assert {getattr(one, "reason", "") for one in answers[1::3]} == {"RESOURCE_NOT_FOUND"}
    assert {one.full_name for one in answers[2::3]} == {"诸**"}  # type: ignore[union-attr]
    assert await everything(other) == []
