"""The same request id gives the same reply and takes effect once, however often and however simultaneously it comes."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy import func, select

from support.bench.contacts.script import SCRIPT
from support.bench.requests import activity, contact, create, everything
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis.errors import FailedPrecondition
from tercet_chassis.ids import new_id
from tercet_chassis.tables import idempotency
from tercet_chassis.testing import Client, refused


class NotNow(FailedPrecondition):
    """The test says no."""

    text = "Not now; later."


async def test_repeated_request_gets_the_same_reply_once(sut: Client) -> None:
    request = pb.CreateContactRequest(contact=contact())
    first = await sut.CreateContact(request, request_id="k1")
    assert await sut.CreateContact(request, request_id="k1") == first
    assert len(await everything(sut)) == 1


async def test_fifty_twins_take_effect_once(sut: Client) -> None:
    request = pb.CreateContactRequest(contact=contact())
    replies = await asyncio.gather(*(sut.CreateContact(request, request_id="k2") for _ in range(50)))
    assert {reply.SerializeToString() for reply in replies} == {replies[0].SerializeToString()}
    assert len(await everything(sut)) == 1


async def test_fifty_twins_with_a_key_that_is_taken_by_the_first(sut: Client) -> None:
    request = pb.CreateContactRequest(
        contact=contact(id=str(new_id()), external_ref=ExternalRef(system="erp", id="T-1"))
    )
    replies = await asyncio.gather(*(sut.CreateContact(request, request_id="k3") for _ in range(50)))
    assert {reply.id for reply in replies} == {request.contact.id}


async def test_twin_updates_are_one_update(sut: Client) -> None:
    made = await create(sut)
    request = pb.UpdateContactRequest(contact=pb.Contact(id=made.id, etag=made.etag, remark="once"))
    replies = await asyncio.gather(*(sut.UpdateContact(request, request_id="k4") for _ in range(10)))
    assert {reply.etag for reply in replies} == {"2"}


async def test_updates_without_etag_do_not_refuse_each_other(sut: Client) -> None:
    made = await create(sut)
    requests = [pb.UpdateContactRequest(contact=pb.Contact(id=made.id, remark=str(n))) for n in range(4)]
    await asyncio.gather(*(sut.UpdateContact(request) for request in requests))
    assert (await sut.GetContact(pb.GetContactRequest(id=made.id))).etag == "5"


async def test_same_key_for_another_request_is_refused(sut: Client) -> None:
    await create(sut, request_id="k5")
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await create(sut, "another", request_id="k5")


async def test_key_is_the_callers_own(sut: Client) -> None:
    first = await create(sut, "a", request_id="k6")
    second = await create(sut.as_(), "b", request_id="k6")
    third = await create(await sut.running.tenant(), "c", request_id="k6")
    assert len({first.id, second.id, third.id}) == 3


async def test_refusal_stores_nothing(sut: Client) -> None:
    made = await activity(sut, "later")
    SCRIPT.failures["complete later"] = NotNow()
    request = activities.CompleteActivityRequest(id=made.id)
    with refused("NOT_NOW"):
        await sut.CompleteActivity(request, request_id="k7")
    async with sut.running.runtime.database.connection() as connection:
        query = select(func.count()).select_from(idempotency).where(idempotency.c.tenant_id == sut.tenant_id)
        assert (await connection.execute(query)).scalar_one() == 0
    SCRIPT.failures.clear()
    done = await sut.CompleteActivity(request, request_id="k7")
    assert done.state == activities.Activity.State.DONE


async def test_handler_that_changes_its_request_is_still_remembered_by_what_came(sut: Client) -> None:
    made = await activity(sut, "mutated")
    request = activities.CompleteActivityRequest(id=made.id)
    first = await sut.CompleteActivity(request, request_id="k8")
    assert await sut.CompleteActivity(request, request_id="k8") == first


async def test_reads_are_not_remembered(sut: Client) -> None:
    made = await create(sut)
    for remark in ("a", "b"):
        await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, remark=remark)))
        got = await sut.GetContact(pb.GetContactRequest(id=made.id), request_id="k9")
        assert got.remark == remark
    assert UUID(got.id)
