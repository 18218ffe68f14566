"""Records shown to people and units beyond their reach: by whom, to whom, and back again."""

from __future__ import annotations

from uuid import UUID

import pytest

from support.bench.requests import create
from tercet.chassis.v1 import share_service_pb2 as pb
from tercet.chassis.v1.audit_service_pb2 import ListAuditEntriesRequest
from tercet.sales.v1 import contact_service_pb2 as contacts
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

OWN = {"sales.contact.*": "own"}
SHARED = {"sales.contact.read": "shared"}


async def _contact(owner: Client) -> str:
    return (await create(owner, owner_id=owner.principal.subject)).id


def _share(id: str, subject: object, resource: str = "contacts") -> pb.ShareResourceRequest:
    return pb.ShareResourceRequest(share=pb.Share(resource=resource, resource_id=id, subject_id=str(subject)))


def _unshare(id: str, subject: object) -> pb.UnshareResourceRequest:
    return pb.UnshareResourceRequest(resource="contacts", resource_id=id, subject_id=str(subject))


async def _seen(caller: Client) -> list[str]:
    return [one.id for one in (await caller.ListContacts(contacts.ListContactsRequest())).contacts]


async def test_a_shared_record_is_seen_until_it_is_taken_back(sut: Client) -> None:
    owner, colleague = sut.as_(permissions=OWN), sut.as_(permissions=SHARED)
    id, me = await _contact(owner), colleague.principal.subject
    assert await _seen(colleague) == []
    for _ in range(2):
        assert (await owner.ShareResource(_share(id, me))).subject_id == me
    assert await _seen(colleague) == [id]
    with refused("PERMISSION_MISSING"):
        await colleague.DeleteContact(contacts.DeleteContactRequest(id=id))
    listed = await owner.ListShares(pb.ListSharesRequest(resource="contacts", resource_id=id))
    assert [share.subject_id for share in listed.shares] == [me]
    for _ in range(2):
        await owner.UnshareResource(_unshare(id, me))
    assert await _seen(colleague) == []
    entries = (await sut.ListAuditEntries(ListAuditEntriesRequest(resource_id=id))).audit_entries
    assert [entry.action for entry in entries] == ["UNSHARE", "SHARE", "CREATE"]


async def test_a_record_shared_with_a_unit_is_seen_by_its_people(sut: Client) -> None:
    owner, team = sut.as_(permissions=OWN), new_id()
    id = await _contact(owner)
    await owner.ShareResource(_share(id, team))
    assert await _seen(sut.as_(permissions=SHARED, unit_id=team)) == [id]
    assert await _seen(sut.as_(permissions=SHARED, unit_id=new_id())) == []


async def test_nobody_shares_what_they_may_not(sut: Client) -> None:
    owner, other = sut.as_(permissions=OWN), sut.as_(permissions=OWN)
    id, friend = await _contact(owner), new_id()
    reader = sut.as_(permissions={"sales.contact.read": "all"})
    stranger = sut.as_(tenant_id=new_id())
    for caller, reason in (
        (other, "RESOURCE_NOT_FOUND"), (stranger, "RESOURCE_NOT_FOUND"), (reader, "PERMISSION_MISSING"),
    ):  # fmt: skip
        for call, request in (
            (caller.ShareResource, _share(id, friend)),
            (caller.ListShares, pb.ListSharesRequest(resource="contacts", resource_id=id)),
            (caller.UnshareResource, _unshare(id, friend)),
        ):  # fmt: skip
            with refused(reason):
                await call(request)
    assert await _seen(sut.as_(permissions=SHARED, user_id=UUID(str(friend)))) == []


@pytest.mark.parametrize("resource", ["nothings", "outbox"])
async def test_what_belongs_to_nobody_is_not_shared(sut: Client, resource: str) -> None:
    with refused("RESOURCE_NOT_SHAREABLE", "resource"):
        await sut.ShareResource(_share(str(new_id()), new_id(), resource))
