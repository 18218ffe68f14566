"""What units tell in bulk lets what people do go first, and arrives all the same."""

from __future__ import annotations

from sqlalchemy import select

from support.bench.contacts.model import Contact
from support.bench.requests import create
from support.bench.servers import Happenings
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis.context import Context
from tercet_chassis.relay import BATCH
from tercet_chassis.tables import outbox
from tercet_chassis.testing import Client
from tercet_chassis.writing import FEW


async def _tell(client: Client, id: str, times: int) -> None:
    """One unit that tells of a contact so often."""
    runtime = client.running.runtime
    context = Context(principal=client.principal, method="test", permission="sales.contact.read")
    async with runtime.transaction(context) as tx:
        contact = await tx.get(Contact, id)
        for _ in range(times):
            tx.emit(events.ContactUpdated, contact)


async def _published(client: Client) -> list[tuple[str, bool]]:
    """Of each event its verb and whether it was told in bulk, in the order of publication."""
    async with client.running.runtime.database.connection() as connection:
        rows = await connection.execute(
            select(outbox.c.subject, outbox.c.bulk)
            .where(outbox.c.tenant_id == client.tenant_id)
            .order_by(outbox.c.publish_time, outbox.c.id)
        )
        return [(row.subject.split(".")[3], row.bulk) for row in rows]


async def test_a_unit_that_tells_little_is_not_in_bulk(sut: Client) -> None:
    made = await create(sut)
    await _tell(sut, made.id, FEW)
    await sut.settled()
    assert {bulk for _, bulk in await _published(sut)} == {False}


async def test_what_a_person_does_passes_what_was_told_in_bulk(sut: Client, happenings: Happenings) -> None:
    made = await create(sut)
    await sut.settled()
    await _tell(sut, made.id, 3 * BATCH)
    await create(sut, "李娜")
    await sut.settled(60)
    told = await _published(sut)
    assert told.count(("updated", True)) == 3 * BATCH
    passed = told.index(("created", False), 1)
    assert passed < len(told) - BATCH
    assert ("李娜", 1) in await happenings("welcome")
