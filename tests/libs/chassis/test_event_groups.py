"""Events that come together share a transaction, and none suffers for another."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from nats.aio.msg import Msg
from sqlalchemy import select, text

from support.bench.contacts.script import SCRIPT
from support.bench.servers import Happenings
from tercet.chassis.v1 import dead_letter_service_pb2 as letters
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Event, Tx, effect
from tercet_chassis.consumers import consumers_in
from tercet_chassis.context import IMPORT, LIVE, EventMeta
from tercet_chassis.contract import ContractBroken
from tercet_chassis.dispatch import GROUP, _Delivery, _groups
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import meta_of
from tercet_chassis.tables import inbox, outbox, projection_marks
from tercet_chassis.testing import Client


async def announced(client: Client, titles: list[str], event: Any = events.ActivityCompleted) -> list[Event[Any]]:
    """Announces one event for each title in one transaction; gives the events as they were written."""
    entities = {entity.__tablename__: cast(Any, entity) for entity in client.running.runtime.service.entities}
    async with client.transaction() as tx:
        for title in titles:
            id = new_id()
            made = tx.add(entities["activities"](title=title, kind="VISIT", identity_id=id, party_id=id))
            tx.emit(event, made)
    async with client.running.runtime.database.connection() as connection:
        query = select(outbox).where(outbox.c.tenant_id == client.tenant_id).order_by(outbox.c.id)
        rows = (await connection.execute(query)).all()
    return [Event(meta_of(row.subject, row.headers), bytes(row.payload)) for row in rows][-len(titles) :]


async def unmarked(client: Client, told: list[Event[Any]]) -> None:
    """Takes the marks of the events away, as if nobody had handled them."""
    async with client.running.runtime.database.connection() as connection:
        await connection.execute(inbox.delete().where(inbox.c.event_id.in_([event.meta.id for event in told])))
        await connection.execute(projection_marks.delete().where(projection_marks.c.tenant_id == client.tenant_id))


async def test_what_comes_together_is_handled_together_and_once(sut: Client, happenings: Happenings) -> None:
    titles = [f"{number:03}" for number in range(300)]
    await announced(sut, titles)
    await sut.settled()
    counted = await happenings("tally")
    assert sorted(title for title, _ in counted) == titles
    assert 1 < max(size for _, size in counted) <= GROUP


async def test_a_bad_event_of_a_group_is_buried_alone(sut: Client, happenings: Happenings) -> None:
    titles = [f"good {number}" for number in range(40)]
    await announced(sut, [*titles[:7], "refuse one", *titles[7:30], "refuse two", *titles[30:]])
    await sut.settled()
    assert sorted(title for title, _ in await happenings("tally")) == sorted(titles)
    found = (await sut.ListDeadLetters(letters.ListDeadLettersRequest())).dead_letters
    assert {(letter.consumer, letter.reason, letter.attempts) for letter in found} == {
        ("contacts.tally", "CONTACT_REFUSED", 1)
    }
    assert len(found) == 2
    SCRIPT.calls += ["refuse one", "refuse two"]
    for letter in found:
        await sut.RetryDeadLetter(letters.RetryDeadLetterRequest(id=letter.id))
    assert len(await happenings("tally")) == 42


async def test_a_group_that_is_killed_in_the_middle_leaves_nothing_behind(sut: Client, happenings: Happenings) -> None:
    told = await announced(sut, [f"kill {number}" for number in range(20)])
    await sut.settled()
    await unmarked(sut, told)
    before = len(await happenings("tally"))
    SCRIPT.close("tally kill 11")
    dispatcher = sut.running.runtime.dispatcher
    dying = asyncio.create_task(dispatcher._together(told))
    await SCRIPT.reached["tally kill 11"].wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    SCRIPT.gates["tally kill 11"].set()
    assert len(await happenings("tally")) == before
    await dispatcher._together(told)
    await dispatcher._together(told)
    after = (await happenings("tally"))[before:]
    assert sorted(after) == sorted((f"kill {number}", 20) for number in range(20))


async def test_an_event_twice_in_a_group_takes_effect_once(sut: Client, happenings: Happenings) -> None:
    told = await announced(sut, ["one", "two"])
    await sut.settled()
    await unmarked(sut, told)
    before = len(await happenings("tally"))
    await sut.running.runtime.dispatcher._together([told[0], told[1], told[0]])
    assert (await happenings("tally"))[before:] == [("one", 2), ("two", 2)]


async def test_groups_that_overlap_take_effect_once(sut: Client, happenings: Happenings) -> None:
    told = await announced(sut, [f"{number:02}" for number in range(30)])
    await sut.settled()
    await unmarked(sut, told)
    before = len(await happenings("tally"))
    groups = [told[:20], told[10:], told[::2], told]
    await asyncio.gather(*(sut.running.runtime.dispatcher._together(group) for group in groups))
    assert sorted(note for note, _ in (await happenings("tally"))[before:]) == [f"{number:02}" for number in range(30)]


async def test_a_projection_takes_the_newest_version_of_a_group(sut: Client, happenings: Happenings) -> None:
    def told(id: UUID, version: int, name: str) -> Event[Any]:
        headers = {
            "ce-id": str(new_id()),
            "ce-subject": str(id),
            "ce-type": events.ContactUpdated.DESCRIPTOR.full_name,
            "ce-time": datetime.now(UTC).isoformat(),
            "tercet-tenant": str(sut.tenant_id),
            "tercet-version": str(version),
            "tercet-origin": LIVE,
            "tercet-occur-time": datetime.now(UTC).isoformat(),
            "tercet-actor-kind": "system",
            "tercet-actor": "test",
        }
        payload = events.ContactUpdated(contact={"id": str(id), "full_name": name}).SerializeToString()
        return Event(meta_of("tercet.sales.contact.updated.v1", headers), payload)

    one, other = new_id(), new_id()
    dispatcher = sut.running.runtime.dispatcher
    await dispatcher._together([told(one, 2, "二"), told(one, 3, "三"), told(other, 1, "他"), told(one, 1, "一")])
    await dispatcher._together([told(one, 3, "again"), told(other, 2, "她")])
    assert await happenings("remember") == [("三", 3), ("他", 1), ("她", 2)]


async def test_several_handlers_of_a_group_see_their_own_events(sut: Client, happenings: Happenings) -> None:
    """Handlers of one event beside those that take many: each has the event's own meta and leaves its own mark."""
    await announced(sut, ["done 1", "done 2"])
    await announced(sut, ["begun"], events.ActivityCreated)
    await sut.settled()
    async with sut.running.runtime.database.connection() as connection:
        query = text(
            "SELECT i.consumer, count(*) AS handled FROM inbox i JOIN outbox o ON o.event_id = i.event_id "
            "WHERE o.tenant_id = :tenant GROUP BY 1"
        )
        marks = {row.consumer: row.handled for row in await connection.execute(query, {"tenant": sut.tenant_id})}
    assert marks == {"contacts.tally": 2}
    assert {note for note, _ in await happenings("tally")} == {"done 1", "done 2"}


def delivery(resource: UUID, sequence: int, tenant: UUID, *, origin: str = LIVE, attempt: int = 1) -> _Delivery:
    now = datetime.now(UTC)
    meta = EventMeta(new_id(), "s", tenant, resource, sequence, origin, now, now, "system", "test")
    return _Delivery(cast(Msg, None), Event(meta, b""), attempt, sequence)


def test_groups_keep_the_order_of_each_resource() -> None:
    tenant, resources = new_id(), [new_id() for _ in range(40)]
    came = [delivery(random.choice(resources), sequence, tenant) for sequence in range(1_000)]
    random.shuffle(came)
    groups = _groups(came)
    assert sum(map(len, groups)) == 1_000
    assert max(map(len, groups)) == GROUP
    for resource in resources:
        order = [one.sequence for group in groups for one in group if one.event.meta.resource_id == resource]
        assert order == sorted(order)


def test_tenants_origins_and_what_failed_before_do_not_mix() -> None:
    one, other, resource = new_id(), new_id(), new_id()
    groups = _groups(
        [
            delivery(resource, 1, one),
            delivery(resource, 2, other),
            delivery(resource, 3, one, origin=IMPORT),
            delivery(resource, 4, one, attempt=2),
            delivery(resource, 5, one),
        ]
    )
    assert sorted([one.sequence for one in group] for group in groups) == [[1, 5], [2], [3], [4]]


def test_a_handler_without_a_shape_stops_the_start() -> None:
    @effect(events.ActivityCreated)
    async def lost(self: Any, tx: Tx) -> None:
        """Takes what no handler takes."""

    with pytest.raises(ContractBroken, match=r"it must be \(event, tx\) or \(events, tx\)"):
        consumers_in(SimpleNamespace(lost=lost, __name__=__name__), "contacts")
