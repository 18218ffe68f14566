"""Pulls events from each source stream that some handler listens to, and runs the handlers on them.

A handler's inbox or version mark commits with what it did, so a redelivery finds it done.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from nats.aio.msg import Msg
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import telemetry
from tercet_chassis.broker import ACK_WAIT, Feed
from tercet_chassis.consumers import Consumer, Event
from tercet_chassis.context import Context, EventMeta
from tercet_chassis.contract import subject_of
from tercet_chassis.database import NOBODY, Statements
from tercet_chassis.errors import NotYet, Refusal, ResourceAlreadyExists
from tercet_chassis.faults import DatabaseAway, again_after_races
from tercet_chassis.ids import new_id
from tercet_chassis.inbox import Work, unhandled
from tercet_chassis.outbox import meta_of
from tercet_chassis.principal import Principal
from tercet_chassis.tables import dead_letters
from tercet_chassis.transaction import Running, Tx
from tercet_chassis.waiting import patrol

log = structlog.get_logger(__name__)

BACK_OFF = (0.2, 1, 5, 30, 120, 600, 1800)
# So many events of one tenant share a transaction at most, and with it the cost of its statements and its commit.
GROUP = 200
# So many are in hand at a time of each source.
ROOM = 4 * GROUP
# Events that follow each other so closely are handled together; one after a pause waits for nobody. Where so many came
# together, the next ones are gathered for longer: whoever is so far from alone is behind already.
GATHER, CROWD, GATHER_CROWD = 0.1, 32, 0.25
# Whoever holds it says alone what is to be delivered.
_ASKING = 7_300_009


@dataclass(slots=True)
class _Delivery:
    """One event as it was delivered, for the so-many-th time."""

    message: Msg
    event: Event[Any]
    attempt: int
    sequence: int


class Dispatcher:
    """Handles what is there in groups: a lone event at once, and the more together the more of them come."""

    def __init__(self, runtime: Running, consumers: Sequence[Consumer], sources: Sequence[str]) -> None:
        self._runtime, self._consumers = runtime, consumers
        self._durable = f"tercet-{runtime.settings.service}"
        self._slots = asyncio.Semaphore(runtime.settings.consumer_concurrency)
        self._subjects = {source: self._subjects_of(source, consumers) for source in sources}
        self._asking = [consumer for consumer in consumers if consumer.asked is not None]
        self._known: dict[tuple[str, str], list[Consumer]] = {}

    @staticmethod
    def _subjects_of(source: str, consumers: Sequence[Consumer]) -> set[str]:
        if any(not consumer.events and consumer.asked is None for consumer in consumers):
            return {f"{_prefix(source)}>"}
        named = {subject_of(event) for consumer in consumers for event in consumer.events}
        return {subject for subject in named if subject.startswith(_prefix(source))}

    @property
    def sources(self) -> list[str]:
        """The services whose events are taken, or will be when they are asked for."""
        return [source for source, subjects in self._subjects.items() if subjects or self._asking]

    def subjects_of(self, source: str) -> list[str]:
        """What may be taken of a service: subjects; none when it may be any."""
        asking = any(not consumer.events for consumer in self._consumers)
        return [] if asking else sorted(self._subjects[source])

    async def prepare(self) -> None:
        """Makes the durable consumers, so that what is announced from now on counts as waiting."""
        for source in self.sources:
            await self._feed(source)
        # A counter that begins with its first event shows no increase by it.
        for consumer in self._consumers:
            telemetry.DEAD.labels(consumer.name)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(self._follow(source))

    async def _feed(self, source: str) -> Feed:
        async with self._runtime.database.begun(NOBODY) as statements:
            await self.listen(statements, [source])
        return self._runtime.broker.feed(source, self._durable)

    async def listen(self, statements: Statements, sources: Sequence[str] | None = None) -> None:
        """Has the server deliver what handlers ask for as this transaction, which is in nobody's tenant, sees it. What
        else asks or begins to listen meanwhile waits for its end, so that none takes away what another added. Refuses
        while the broker is away.
        """
        if self._asking:
            await statements.fetch("SELECT pg_advisory_xact_lock($1::bigint)", _ASKING)
        asked = {subject for one in self._asking if one.asked for subject in await one.asked(statements)}
        for source in sources or self.sources:
            subjects = self._subjects[source] | {subject for subject in asked if subject.startswith(_prefix(source))}
            await self._runtime.broker.listen(source, self._durable, _apart(subjects) or [f"{_prefix(source)}nothing"])

    async def _follow(self, source: str) -> None:
        running: dict[asyncio.Task[None], list[_Delivery]] = {}

        async def take() -> float:
            await self._take(await self._feed(source), running)
            return 0.0

        try:
            await patrol(f"consumer.{source}", take)
        finally:
            for task in running:
                task.cancel()

    async def _take(self, feed: Feed, running: dict[asyncio.Task[None], list[_Delivery]]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            del running[task]
            feed.wake()

        beat = asyncio.create_task(self._keep(feed, running))
        began, pause = 0.0, GATHER
        try:
            while True:
                room = ROOM - len(feed.here) - sum(map(len, running.values()))
                if room >= GROUP:
                    await feed.ask(room)
                if not feed.here:
                    await feed.stir()
                    continue
                if len(feed.here) < GROUP:
                    await asyncio.sleep(began + pause - time.monotonic())
                # While all slots are taken, more may join.
                async with self._slots:
                    began = time.monotonic()
                pause = GATHER if len(feed.here) < CROWD else GATHER_CROWD
                for group in _groups([delivery for m in feed.take() if (delivery := await _read(m)) is not None]):
                    task = asyncio.create_task(self._guarded(group))
                    running[task] = group
                    task.add_done_callback(ended)
        finally:
            beat.cancel()
            await feed.close()

    async def _keep(self, feed: Feed, running: dict[asyncio.Task[None], list[_Delivery]]) -> None:
        """Tells the server of events that take long, so that it does not deliver them again meanwhile."""
        while True:
            await asyncio.sleep(ACK_WAIT / 3)
            for message in [*feed.here, *(one.message for group in list(running.values()) for one in group)]:
                try:
                    await message.in_progress()
                except Exception as fault:
                    log.warning("consumer.not_kept", subject=message.subject, cause=repr(fault))

    async def _guarded(self, group: list[_Delivery]) -> None:
        async with self._slots:
            try:
                await self._settle(group)
            except Exception as fault:
                log.warning("consumer.delivery_failed", size=len(group), cause=f"{fault!r} {fault}")

    async def _settle(self, group: list[_Delivery]) -> None:
        """Handles a group in one transaction. When an event of it fails nothing has happened, and each half is tried
        by itself, until what fails is alone and is told apart.
        """
        if len(group) == 1:
            await self._deliver(group[0])
            return
        try:
            await again_after_races(lambda: self._together([delivery.event for delivery in group]))
        except DatabaseAway:
            for delivery in group:
                await self._put_off(delivery)
            return
        except Exception as fault:
            log.info("consumer.group_split", size=len(group), cause=type(fault).__name__)
            half = len(group) // 2
            await self._settle(group[:half])
            await self._settle(group[half:])
            return
        for delivery in group:
            await delivery.message.ack()

    async def _together(self, events: Sequence[Event[Any]]) -> None:
        work: dict[str, tuple[Consumer, list[Event[Any]]]] = {}
        for event in events:
            for consumer in self._takers(event):
                work.setdefault(consumer.name, (consumer, []))[1].append(event)
        principal = Principal.system(self._runtime.settings.service, events[0].meta.tenant_id)
        async with self._runtime.transaction(Context(principal=principal, method="events")) as tx:
            await self.act(list(work.values()), tx)
        for consumer, taken in work.values():
            self._handled(consumer, taken)

    def _takers(self, event: Event[Any]) -> list[Consumer]:
        key = (event.meta.subject, event.meta.origin)
        if key not in self._known:
            self._known[key] = [one for one in self._consumers if one.takes(key[0]) and key[1] in one.origins]
        return self._known[key]

    @staticmethod
    def _handled(consumer: Consumer, events: Sequence[Event[Any]]) -> None:
        now, histogram = time.time(), telemetry.HANDLED.labels(consumer.name)
        for event in events:
            histogram.observe(max(0.0, now - event.meta.record_time.timestamp()))

    async def _deliver(self, delivery: _Delivery) -> None:
        event = delivery.event
        if all([await self._attempt(consumer, event, delivery.attempt) for consumer in self._takers(event)]):
            await delivery.message.ack()
        else:
            await self._put_off(delivery)

    @staticmethod
    async def _put_off(delivery: _Delivery) -> None:
        delay = BACK_OFF[min(delivery.attempt, len(BACK_OFF)) - 1] * random.uniform(0.9, 1.1)
        await delivery.message.nak(delay=delay)

    async def _attempt(self, consumer: Consumer, event: Event[Any], attempt: int) -> bool:
        """True when the handler is done with the event, by success or by dead letter."""
        try:
            await self.handle(consumer, event)
            return True
        except Refusal as refusal:
            # A taken key may be a twin's row, which the handler finds when it looks again.
            hopeful = refusal.passing or isinstance(refusal, ResourceAlreadyExists)
            reason, words = refusal.reason, refusal.message
        except NotYet as early:
            hopeful, reason, words = True, "NOT_YET", str(early)
        except Exception as fault:
            log.exception("consumer.failed", consumer=consumer.name, event_id=str(event.meta.id), attempt=attempt)
            hopeful, reason, words = True, type(fault).__name__, str(fault)
        if hopeful and attempt <= len(BACK_OFF):
            return False
        await self._bury(consumer, event.meta, event.payload, reason, words[:2000], attempt)
        return True

    async def handle(self, consumer: Consumer, event: Event[Any]) -> None:
        """Runs one handler on one event in a transaction of its own, unless its mark says it is done."""
        if event.meta.origin not in consumer.origins:
            return

        async def once() -> None:
            async with self._runtime.transaction(self._context_of(consumer, [event])) as tx:
                await self.act([(consumer, [event])], tx)

        await again_after_races(once)
        self._handled(consumer, [event])

    def _context_of(self, consumer: Consumer, events: Sequence[Event[Any]]) -> Context:
        """A handler works as the service itself, on behalf of its event; what many events cause has the first one's
        trace.
        """
        meta = events[0].meta
        return Context(
            principal=Principal.system(self._runtime.settings.service, meta.tenant_id),
            method=consumer.name,
            origin=meta.origin,
            traceparent=telemetry.traceparent() or meta.headers.get("traceparent", ""),
            event=None if consumer.takes_many else meta,
            request_id=str(meta.id) if len(events) == 1 else "",
            audited=not consumer.newest_wins,
        )

    async def act(self, work: Sequence[Work], tx: Tx) -> None:
        """The handlers and their marks, in the caller's transaction; all events are of one tenant and origin."""
        for consumer, events in await unhandled(tx, work):
            for call in ([events] if consumer.takes_many else [[event] for event in events]) if events else ():
                with telemetry.consumer_span(consumer.name, (e.meta.headers.get("traceparent", "") for e in call)):
                    async with tx.acting(self._context_of(consumer, call)) as inner:
                        await consumer.handler(call if consumer.takes_many else call[0].message, inner)

    async def _bury(
        self, consumer: Consumer, meta: EventMeta, payload: bytes, reason: str, message: str, attempts: int
    ) -> None:
        log.error(
            "consumer.dead_letter",
            consumer=consumer.name,
            event_id=str(meta.id),
            subject=meta.subject,
            reason=reason,
        )
        telemetry.DEAD.labels(consumer.name).inc()
        async with self._runtime.database.connection() as connection:
            values = {
                "id": new_id(),
                "tenant_id": meta.tenant_id,
                "consumer": consumer.name,
                "event_id": meta.id,
                "subject": meta.subject,
                "headers": dict(meta.headers),
                "payload": payload,
                "reason": reason,
                "message": message,
                "attempts": attempts,
            }
            again = {"reason": reason, "message": message, "attempts": attempts, "state": "OPEN"}
            await connection.execute(
                insert(dead_letters).values(values).on_conflict_do_update(constraint="dead_letters_once", set_=again)
            )

    def named(self, name: str) -> Consumer | None:
        """The consumer of that name, for a retry by hand."""
        return next((consumer for consumer in self._consumers if consumer.name == name), None)

    async def pending(self) -> int:
        """Events that no handler has finished with yet."""
        return sum([await self._runtime.broker.pending(source, self._durable) for source in self.sources])

    async def retry(self, consumer: Consumer, headers: dict[str, str], subject: str, payload: bytes, tx: Tx) -> None:
        """Runs a dead letter again inside the caller's transaction; raises what the handler raises."""
        await self.act([(consumer, [Event(meta_of(subject, headers), payload)])], tx)


def _prefix(source: str) -> str:
    return f"tercet.{source.replace('-', '')}."


def _apart(subjects: set[str]) -> list[str]:
    """Subjects without those that lie within another one: the server takes no such pairs."""
    wide = [subject[:-1] for subject in subjects if subject.endswith(".>")]
    return sorted(one for one in subjects if not any(one.startswith(all_of) and one != f"{all_of}>" for all_of in wide))


async def _read(message: Msg) -> _Delivery | None:
    try:
        event: Event[Any] = Event(meta_of(message.subject, message.headers or {}), message.data)
    except (KeyError, ValueError) as bad:
        log.error("consumer.not_ours", subject=message.subject, cause=repr(bad))
        await message.term()
        return None
    told = message.metadata
    return _Delivery(message, event, told.num_delivered or 1, told.sequence.stream)


def _groups(deliveries: Sequence[_Delivery]) -> list[list[_Delivery]]:
    """Events that may share a transaction: of one tenant and origin, what failed before apart from what is new, in an
    order that all groups keep, so that no two wait for each other's rows.
    """
    lines: dict[tuple[UUID, str, bool], list[_Delivery]] = {}
    for delivery in sorted(deliveries, key=_lock_order):
        meta = delivery.event.meta
        lines.setdefault((meta.tenant_id, meta.origin, delivery.attempt > 1), []).append(delivery)
    return [line[at : at + GROUP] for line in lines.values() for at in range(0, len(line), GROUP)]


def _lock_order(delivery: _Delivery) -> tuple[UUID, int]:
    meta = delivery.event.meta
    return meta.identity_id or meta.resource_id, delivery.sequence
