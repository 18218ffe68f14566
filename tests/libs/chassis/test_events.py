"""Events arrive with their meta, take effect once, and are neither lost nor stuck when servers die."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from nats.aio.client import Client as NatsClient
from sqlalchemy import select, text, update

from support.bench.contacts.script import SCRIPT
from support.bench.requests import activity, contact, create
from support.bench.servers import BenchServers, Happenings
from tercet.chassis.v1 import dead_letter_service_pb2 as letters
from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Event
from tercet_chassis.broker import Connection
from tercet_chassis.context import IMPORT, SIMULATION
from tercet_chassis.dispatch import Dispatcher
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import meta_of
from tercet_chassis.tables import outbox
from tercet_chassis.testing import Client, eventually, refused


async def rows_of(client: Client) -> list[Any]:
    async with client.running.runtime.database.connection() as connection:
        query = select(outbox).where(outbox.c.tenant_id == client.tenant_id).order_by(outbox.c.id)
        return list((await connection.execute(query)).all())


async def deliver_again(client: Client, row: Any, *, copies: int = 1, unlike: bool = True) -> None:
    """Publishes an outbox row once more; under a new message id the stream does not know it for the same."""
    for number in range(copies):
        headers = {**row.headers, "Nats-Msg-Id": f"{row.event_id}-{number}" if unlike else str(row.event_id)}
        await client.running.runtime.broker.jetstream.publish(row.subject, bytes(row.payload), headers=headers)


def dispatcher(client: Client) -> Dispatcher:
    return client.running.runtime.dispatcher


async def open_letters(client: Client) -> list[letters.DeadLetter]:
    return list((await client.ListDeadLetters(letters.ListDeadLettersRequest())).dead_letters)


async def test_event_travels_with_its_meta(sut: Client, happenings: Happenings) -> None:
    made = await create(sut)
    await sut.settled()
    (row,) = await rows_of(sut)
    meta = meta_of(row.subject, row.headers)
    assert row.subject == "tercet.sales.contact.created.v1"
    assert (meta.tenant_id, str(meta.resource_id), meta.version) == (sut.tenant_id, made.id, 1)
    assert (meta.origin, meta.actor_kind, meta.actor_id) == ("live", "user", sut.principal.subject)
    assert (meta.unit_id, str(meta.identity_id)) == (sut.principal.unit_id, made.identity_id)
    assert row.publish_time is not None
    assert events.ContactCreated.FromString(bytes(row.payload)).contact == made
    assert await happenings("welcome") == [("王芳", 1)]


async def test_event_says_when_it_was_recorded_also_when_business_time_is_virtual(sut: Client) -> None:
    began, clock = datetime.now(UTC), sut.running.runtime.clock
    clock.advance(began + timedelta(days=2))
    try:
        await create(sut)
    finally:
        clock.release()
    (row,) = await rows_of(sut)
    meta = meta_of(row.subject, row.headers)
    assert meta.occur_time == began + timedelta(days=2)
    assert began <= meta.record_time <= datetime.now(UTC)


async def test_event_holds_the_resource_after_the_change(sut: Client) -> None:
    made = await create(sut)
    got = await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, remark="new")))
    await sut.DeleteContact(pb.DeleteContactRequest(id=made.id))
    rows = await rows_of(sut)
    assert [row.subject.split(".")[3] for row in rows] == ["created", "updated", "deleted"]
    assert [row.version for row in rows] == [1, 2, 3]
    assert events.ContactUpdated.FromString(bytes(rows[1].payload)).contact == got


async def test_patch_without_change_announces_nothing(sut: Client) -> None:
    made = await create(sut)
    await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, full_name=made.full_name)))
    assert len(await rows_of(sut)) == 1


async def test_effect_happens_once_however_often_the_event_comes(sut: Client, happenings: Happenings) -> None:
    await create(sut)
    await sut.settled()
    (row,) = await rows_of(sut)
    await deliver_again(sut, row, copies=5)
    await deliver_again(sut, row, unlike=False)
    await sut.settled()
    assert len(await happenings("welcome")) == 1


async def test_effect_and_its_mark_commit_together(sut: Client, happenings: Happenings) -> None:
    """Two deliveries at once, one dying in the middle of its work: the other does it."""
    SCRIPT.close("welcome 双")
    await create(sut, "双")
    await SCRIPT.reached["welcome 双"].wait()
    (row,) = await rows_of(sut)
    welcome = dispatcher(sut).named("contacts.welcome")
    assert welcome is not None
    dying = asyncio.create_task(dispatcher(sut).handle(welcome, event_of(row)))
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    SCRIPT.gates["welcome 双"].set()
    await sut.settled()
    assert len(await happenings("welcome")) == 1


async def test_projection_keeps_the_newest_in_whatever_order(sut: Client, happenings: Happenings) -> None:
    made = await create(sut, "一")
    for name in ("二", "三"):
        await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, full_name=name)))
    await sut.settled()
    first, second, third = await rows_of(sut)
    remember = dispatcher(sut).named("contacts.remember")
    assert remember is not None
    async with sut.running.runtime.database.connection() as connection:
        await connection.execute(text("DELETE FROM projection_marks WHERE tenant_id = :t"), {"t": sut.tenant_id})
    before = len(await happenings("remember"))
    for row in (second, third, first, second):
        await dispatcher(sut).handle(remember, event_of(row))
    assert (await happenings("remember"))[before:] == [("二", 2), ("三", 3)]


def event_of(row: Any, **headers: str) -> Event[Any]:
    return Event(meta_of(row.subject, {**row.headers, **headers}), bytes(row.payload))


async def test_early_event_comes_again(sut: Client, happenings: Happenings) -> None:
    await create(sut, "early bird")
    await eventually(lambda: _twice("welcome early bird"))
    assert await happenings("welcome") == []
    SCRIPT.calls.append("early bird")
    await eventually(lambda: happenings("welcome"))
    assert await open_letters(sut) == []


async def _twice(call: str) -> bool:
    return SCRIPT.calls.count(call) >= 2


async def test_refused_event_is_a_dead_letter_that_can_be_tried_again(sut: Client, happenings: Happenings) -> None:
    await create(sut, "refuse me")
    await sut.settled()
    (letter,) = await open_letters(sut)
    assert (letter.consumer, letter.reason, letter.attempts) == ("contacts.welcome", "CONTACT_REFUSED", 1)
    assert "refuse me" in letter.message
    assert len(await happenings("remember")) == 1, "the other consumer of the same event is not held up"
    retry = letters.RetryDeadLetterRequest(id=letter.id)
    with refused("CONTACT_REFUSED"):
        await sut.RetryDeadLetter(retry)
    assert len(await open_letters(sut)) == 1
    SCRIPT.calls.append("refuse me")
    done = await sut.RetryDeadLetter(retry, request_id="r1")
    assert done.state == letters.DeadLetter.State.RETRIED
    assert await sut.RetryDeadLetter(retry, request_id="r1") == done
    assert await happenings("welcome") == [("refuse me", 1)]
    with refused("DEAD_LETTER_SETTLED"):
        await sut.RetryDeadLetter(retry)


async def test_twenty_retries_at_once_need_no_second_connection(sut: Client, happenings: Happenings) -> None:
    await asyncio.gather(*(create(sut, f"refuse {number}") for number in range(20)))
    await sut.settled()
    SCRIPT.calls += [f"refuse {number}" for number in range(20)]
    found = await open_letters(sut)
    assert len(found) == 20
    await asyncio.gather(*(sut.RetryDeadLetter(letters.RetryDeadLetterRequest(id=one.id)) for one in found))
    assert len(await happenings("welcome")) == 20


async def test_dead_letter_can_be_put_aside(sut: Client) -> None:
    await create(sut, "refuse this")
    await sut.settled()
    (letter,) = await open_letters(sut)
    found = await sut.CheckInvariants(maintenance.CheckInvariantsRequest())
    assert not next(one.holds for one in found.findings if one.invariant == "events.no_dead_letters")
    await sut.DiscardDeadLetter(letters.DiscardDeadLetterRequest(id=letter.id))
    assert await open_letters(sut) == []
    other = await sut.running.tenant()
    with refused("RESOURCE_NOT_FOUND"):
        await other.RetryDeadLetter(letters.RetryDeadLetterRequest(id=letter.id))


async def test_unreadable_event_is_a_dead_letter_not_a_loss(sut: Client) -> None:
    made = await create(sut)
    await sut.settled()
    (row,) = await rows_of(sut)
    told = {"ce-type": "tercet.sales.v1.FromTheFuture", "ce-id": str(new_id()), "tercet-version": "2"}
    event = event_of(row, **told)
    for consumer in ("contacts.welcome", "contacts.remember"):
        named = dispatcher(sut).named(consumer)
        assert named is not None
        assert not await dispatcher(sut)._attempt(named, event, 1)
        assert await dispatcher(sut)._attempt(named, event, 99)
    assert {letter.event_id for letter in await open_letters(sut)} == {str(event.meta.id)}
    assert made.id


async def test_headers_are_read_as_the_library_reads_them(sut: Client) -> None:
    lines = ["ce-type: tercet.sales.v1.ContactCreated", "ce-time:2026-11-23T12:00:00+00:00", "tercet-actor:\t王芳 "]
    for raw in ("\r\n".join([*lines, "", ""]).encode(), b"broken\r\nname: \xff\r\n", b""):
        assert Connection._parse_header_lines(raw) == NatsClient._parse_header_lines(raw)
    connection = sut.running.runtime.broker.client
    assert isinstance(connection, Connection)
    told = await connection.subscribe(inbox := connection.new_inbox())
    await connection.publish(inbox, b"", headers={"tercet-actor": "王芳: 1", "no": ""})
    assert (await told.next_msg(timeout=20)).headers == {"tercet-actor": "王芳: 1", "no": ""}
    await told.unsubscribe()


async def test_effects_keep_to_their_origins(sut: Client, happenings: Happenings) -> None:
    one = await activity(sut, "live")
    async with sut.transaction() as tx:
        entities = {entity.__tablename__: entity for entity in tx.runtime.service.entities}
        found = await tx.get(entities["activities"], one.id)
        for origin in (IMPORT, SIMULATION):
            tx.emit(events.ActivityCreated, found, origin=origin)
    await sut.settled()
    assert await happenings("imported") == [("live", 0)]


async def test_business_time_of_an_event_may_differ(sut: Client) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    one = await activity(sut)
    async with sut.transaction() as tx:
        entities = {entity.__tablename__: entity for entity in tx.runtime.service.entities}
        tx.emit(events.ActivityReminded, await tx.get(entities["activities"], one.id), occur_time=then)
    rows = await rows_of(sut)
    assert meta_of(rows[-1].subject, rows[-1].headers).occur_time == then


async def test_announcement_rebuilds_a_projection(sut: Client, happenings: Happenings) -> None:
    for number in range(3):
        await create(sut, f"A{number}")
    await sut.settled()
    before = len(await happenings("remember"))
    answer = await sut.AnnounceResources(maintenance.AnnounceResourcesRequest(event="ContactUpdated"))
    assert answer.announced_count == 3
    await sut.settled()
    assert len(await happenings("remember")) == before + 3
    assert len(await happenings("welcome")) == 3
    with refused("EVENT_NOT_ANNOUNCED", "event"):
        await sut.AnnounceResources(maintenance.AnnounceResourcesRequest(event="Nonsense"))


async def test_nothing_is_lost_when_the_broker_is_killed(
    sut: Client, happenings: Happenings, bench_servers: BenchServers
) -> None:
    async def some(start: int) -> None:
        for number in range(start, start + 20):
            await create(sut, f"K{number}")

    await some(0)
    nats = bench_servers.nats
    assert nats.process is not None
    nats.process.kill()
    nats.process.wait()
    with refused("BROKER_AWAY"):
        await sut.GetBacklog(maintenance.GetBacklogRequest())
    await some(20)
    nats.start()
    await some(40)
    await sut.settled(60)
    greeted = [note for note, _ in await happenings("welcome")]
    assert sorted(greeted) == sorted(f"K{number}" for number in range(60))


async def test_a_consumer_that_the_broker_forgot_is_made_again(sut: Client, happenings: Happenings) -> None:
    await create(sut, "before")
    await sut.settled()
    await sut.running.runtime.broker.jetstream.delete_consumer("TERCET_SALES", "tercet-sales")
    await create(sut, "after")
    await eventually(lambda: _count(happenings, 2))
    await sut.settled()
    assert [note for note, _ in await happenings("welcome")] == ["before", "after"]


async def test_what_the_stream_may_have_lost_is_published_again(sut: Client, happenings: Happenings) -> None:
    await create(sut)
    await sut.settled()
    async with sut.running.runtime.database.connection() as connection:
        await connection.execute(
            update(outbox)
            .where(outbox.c.tenant_id != sut.tenant_id)
            .values(publish_time=datetime(2020, 1, 1, tzinfo=UTC))
        )
    assert await sut.running.runtime.relay.doubt() == 1
    await sut.settled()
    assert len(await happenings("welcome")) == 1


async def test_relay_and_consumers_survive_broken_database_connections(sut: Client, happenings: Happenings) -> None:
    for round_ in range(3):
        async with sut.running.runtime.database.connection() as connection:
            others = "usename = current_user AND pid <> pg_backend_pid()"
            await connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        for number in range(5):
            await create(sut, f"D{round_}.{number}")
    await sut.settled(30)
    assert len(await happenings("welcome")) == 15


async def test_slow_handler_holds_up_nobody_and_is_not_delivered_twice(sut: Client, happenings: Happenings) -> None:
    gate = SCRIPT.close("welcome slow")
    await create(sut, "slow")
    await SCRIPT.reached["welcome slow"].wait()
    for number in range(30):
        await create(sut, f"quick {number}")
    await eventually(lambda: _count(happenings, 30))
    gate.set()
    await sut.settled()
    assert SCRIPT.calls.count("welcome slow") == 1


async def _count(happenings: Happenings, number: int) -> bool:
    return len(await happenings("welcome")) == number


async def test_request_of_a_rolled_back_transaction_announces_nothing(sut: Client) -> None:
    with refused("REQUEST_INVALID"):
        await sut.CreateContact(pb.CreateContactRequest(contact=contact("")))
    assert await rows_of(sut) == []
    assert UUID(int=0) != sut.tenant_id
