"""Pulls events from each source stream that some handler listens to, and runs the handlers on them.

A handler's inbox or version mark commits with what it did, so a redelivery finds it done.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog
from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import telemetry
from tercet_chassis.broker import ACK_WAIT
from tercet_chassis.consumers import Consumer
from tercet_chassis.context import REPLAY, Context, EventMeta
from tercet_chassis.contract import message_class, subject_of
from tercet_chassis.errors import NotYet, Refusal, ResourceAlreadyExists
from tercet_chassis.faults import again_after_races
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import meta_of
from tercet_chassis.principal import Principal
from tercet_chassis.tables import dead_letters
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

log = structlog.get_logger(__name__)

BACK_OFF = (0.2, 1, 5, 30, 120, 600, 1800)
# So many events of one tenant share a transaction, and with it the cost of a commit.
GROUP = 24
ROOM_PER_SLOT = 2 * GROUP

_INBOX = text("INSERT INTO inbox (consumer, event_id) VALUES (:consumer, :event) ON CONFLICT DO NOTHING RETURNING 1")
# An announcement tells the same version again, for projections that were lost or built wrongly.
_MARK = text(
    "INSERT INTO projection_marks AS m (consumer, tenant_id, resource_id, version) "
    "VALUES (:consumer, :tenant, :resource, :version) ON CONFLICT (consumer, tenant_id, resource_id) "
    "DO UPDATE SET version = excluded.version "
    "WHERE m.version < excluded.version OR (:again AND m.version = excluded.version) RETURNING 1"
)


class Dispatcher:
    """Takes as many events at a time as it has room for, so that none waits here longer than the server waits."""

    def __init__(self, runtime: Runtime, consumers: Sequence[Consumer], sources: Sequence[str]) -> None:
        self._runtime, self._consumers = runtime, consumers
        self._durable = f"tercet-{runtime.settings.service}"
        self._slots = asyncio.Semaphore(runtime.settings.consumer_concurrency)
        self._room = runtime.settings.consumer_concurrency * ROOM_PER_SLOT
        self._subjects = {source: self._subjects_of(source, consumers) for source in sources}

    @staticmethod
    def _subjects_of(source: str, consumers: Sequence[Consumer]) -> set[str]:
        prefix = f"tercet.{source.replace('-', '')}."
        if any(not consumer.events for consumer in consumers):
            return {f"{prefix}>"}
        named = {subject_of(event) for consumer in consumers for event in consumer.events}
        return {subject for subject in named if subject.startswith(prefix)}

    @property
    def sources(self) -> list[str]:
        """The services whose events are taken."""
        return [source for source, subjects in self._subjects.items() if subjects]

    def subjects_of(self, source: str) -> list[str]:
        """What is taken of a service: subjects, or a pattern that means all."""
        return sorted(self._subjects[source])

    async def prepare(self) -> None:
        """Makes the durable consumers, so that what is announced from now on counts as waiting."""
        for source in self.sources:
            await self._subscribe(source)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(self._follow(source))

    async def _subscribe(self, source: str) -> JetStreamContext.PullSubscription:
        return await self._runtime.broker.subscription(source, self._durable, list(self._subjects[source]))

    async def _follow(self, source: str) -> None:
        running: dict[asyncio.Task[None], list[Msg]] = {}
        beat = asyncio.create_task(self._keep(running))
        try:
            while True:
                try:
                    await self._take(await self._subscribe(source), running)
                except Exception as fault:
                    log.warning("consumer.interrupted", source=source, cause=f"{fault!r} {fault}")
                    await asyncio.sleep(0.5)
        finally:
            for task in (beat, *running):
                task.cancel()

    async def _take(
        self, subscription: JetStreamContext.PullSubscription, running: dict[asyncio.Task[None], list[Msg]]
    ) -> None:
        while True:
            taken = sum(map(len, running.values()))
            if taken >= self._room:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                messages = await subscription.fetch(self._room - taken, timeout=1.0)
            except (TimeoutError, NatsTimeout):
                continue
            for group in _groups(messages):
                task = asyncio.create_task(self._guarded(group))
                running[task] = group
                task.add_done_callback(running.pop)

    async def _keep(self, running: dict[asyncio.Task[None], list[Msg]]) -> None:
        """Tells the server of events that take long, so that it does not deliver them again meanwhile."""
        while True:
            await asyncio.sleep(ACK_WAIT / 3)
            for message in [message for group in list(running.values()) for message in group]:
                try:
                    await message.in_progress()
                except Exception as fault:
                    log.warning("consumer.not_kept", subject=message.subject, cause=repr(fault))

    async def _guarded(self, group: list[Msg]) -> None:
        async with self._slots:
            if len(group) > 1 and await self._together(group):
                return
            for message in group:
                try:
                    await self._deliver(message)
                except Exception as fault:
                    log.warning("consumer.delivery_failed", subject=message.subject, cause=f"{fault!r} {fault}")

    async def _together(self, group: list[Msg]) -> bool:
        """Handles events of one tenant in one transaction. False when any of them fails: then nothing has happened, and
        each is to be tried alone, where its failure is told apart.
        """
        try:
            metas = [meta_of(message.subject, dict(message.headers or {})) for message in group]
            principal = Principal.system(self._runtime.settings.service, metas[0].tenant_id)
            own = Context(principal=principal, method="events")
            async with self._runtime.transaction(own) as tx:
                for message, meta in zip(group, metas, strict=True):
                    for consumer in self._takers(message.subject, meta):
                        with telemetry.consumer_span(consumer.name, meta.headers.get("traceparent", "")):
                            async with tx.acting(self.context_of(consumer, meta)) as inner:
                                await self.act(consumer, _event(meta, message.data), meta, inner)
        except Exception as fault:
            log.info("consumer.group_split", size=len(group), cause=f"{type(fault).__name__}: {fault}"[:300])
            return False
        for message, meta in zip(group, metas, strict=True):
            await message.ack()
            for consumer in self._takers(message.subject, meta):
                self._handled(consumer, meta)
        return True

    def _takers(self, subject: str, meta: EventMeta) -> list[Consumer]:
        return [consumer for consumer in self._consumers if consumer.takes(subject) and meta.origin in consumer.origins]

    @staticmethod
    def _handled(consumer: Consumer, meta: EventMeta) -> None:
        telemetry.HANDLED.labels(consumer.name).observe(max(0.0, time.time() - meta.record_time.timestamp()))

    async def _deliver(self, message: Msg) -> None:
        headers = dict(message.headers or {})
        try:
            meta = meta_of(message.subject, headers)
        except (KeyError, ValueError) as bad:
            log.error("consumer.not_ours", subject=message.subject, cause=repr(bad))
            await message.term()
            return
        attempt = message.metadata.num_delivered or 1
        outcomes = [
            await self._attempt(consumer, meta, message.data, attempt)
            for consumer in self._takers(message.subject, meta)
        ]
        if all(outcomes):
            await message.ack()
        else:
            await message.nak(delay=BACK_OFF[min(attempt, len(BACK_OFF)) - 1] * random.uniform(0.9, 1.1))

    async def _attempt(self, consumer: Consumer, meta: EventMeta, payload: bytes, attempt: int) -> bool:
        """True when the handler is done with the event, by success or by dead letter."""
        with telemetry.consumer_span(consumer.name, meta.headers.get("traceparent", "")) as span:
            try:
                await self.handle(consumer, _event(meta, payload), meta)
                return True
            except Refusal as refusal:
                # A taken key may be a twin's row, which the handler finds when it looks again.
                hopeful = refusal.passing or isinstance(refusal, ResourceAlreadyExists)
                reason, words = refusal.reason, refusal.message
            except NotYet as early:
                hopeful, reason, words = True, "NOT_YET", str(early)
            except Exception as fault:
                telemetry.trace_id(span)
                log.exception("consumer.failed", consumer=consumer.name, event_id=str(meta.id), attempt=attempt)
                hopeful, reason, words = True, type(fault).__name__, str(fault)
            if hopeful and attempt <= len(BACK_OFF):
                return False
            await self._bury(consumer, meta, payload, reason, words[:2000], attempt)
            return True

    async def handle(self, consumer: Consumer, event: Message, meta: EventMeta) -> None:
        """Runs one handler on one event in a transaction of its own, unless its mark says it is done."""
        if meta.origin not in consumer.origins:
            return
        context = self.context_of(consumer, meta)

        async def once() -> None:
            async with self._runtime.transaction(context) as tx:
                await self.act(consumer, event, meta, tx)

        await again_after_races(once)
        self._handled(consumer, meta)

    def context_of(self, consumer: Consumer, meta: EventMeta) -> Context:
        """A handler works as the service itself, on behalf of the event."""
        return Context(
            principal=Principal.system(self._runtime.settings.service, meta.tenant_id),
            method=consumer.name,
            origin=meta.origin,
            traceparent=telemetry.traceparent() or meta.headers.get("traceparent", ""),
            event=meta,
            request_id=str(meta.id),
            audited=not consumer.newest_wins,
        )

    async def act(self, consumer: Consumer, event: Message, meta: EventMeta, tx: Tx) -> None:
        """The handler and its mark, in the caller's transaction."""
        if await self._mark(consumer, meta, tx):
            await consumer.handler(event, tx)
        elif consumer.newest_wins:
            telemetry.SUPERSEDED.labels(consumer.name).inc()

    async def _mark(self, consumer: Consumer, meta: EventMeta, tx: Tx) -> bool:
        if consumer.newest_wins:
            values = {
                "consumer": consumer.name,
                "tenant": meta.tenant_id,
                "resource": meta.resource_id,
                "version": meta.version,
                "again": meta.origin == REPLAY,
            }
            return (await tx.session.execute(_MARK, values)).first() is not None
        return (await tx.session.execute(_INBOX, {"consumer": consumer.name, "event": meta.id})).first() is not None

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
        meta = meta_of(subject, headers)
        async with tx.acting(self.context_of(consumer, meta)) as inner:
            await self.act(consumer, _event(meta, payload), meta, inner)


def _groups(messages: Sequence[Msg]) -> list[list[Msg]]:
    """Events that may share a transaction: first deliveries of one tenant, in an order that all groups keep, so that no
    two wait for each other's rows.
    """
    groups: list[list[Msg]] = []
    waiting: dict[str, list[Msg]] = {}
    for message in sorted(messages, key=_lock_order):
        tenant = (message.headers or {}).get("tercet-tenant", "")
        if not tenant or (message.metadata.num_delivered or 1) > 1:
            groups.append([message])
            continue
        group = waiting.setdefault(tenant, [])
        group.append(message)
        if len(group) == GROUP:
            groups.append(waiting.pop(tenant))
    return [*groups, *waiting.values()]


def _lock_order(message: Msg) -> tuple[str, int]:
    headers = message.headers or {}
    return headers.get("tercet-identity") or headers.get("ce-subject", ""), message.metadata.sequence.stream


def _event(meta: EventMeta, payload: bytes) -> Message:
    return message_class(meta.headers["ce-type"]).FromString(payload)
