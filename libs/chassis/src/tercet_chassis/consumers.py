"""Reactions to events: projections (the newest version wins) and effects (exactly once), with back-off and dead letters.

A handler's inbox or version mark commits with what it did, so a redelivery finds it done.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis.context import IMPORT, LIVE, REPLAY, SIMULATION, Context, EventMeta
from tercet_chassis.contract import message_class, subject_of
from tercet_chassis.errors import NotYet, Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import meta_of
from tercet_chassis.principal import Principal
from tercet_chassis.tables import dead_letters
from tercet_chassis.transaction import Tx

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

log = structlog.get_logger(__name__)

Handler = Callable[[Any, Tx], Awaitable[None]]
H = TypeVar("H", bound=Handler)
EVERY_ORIGIN = frozenset({LIVE, IMPORT, REPLAY, SIMULATION})
BACK_OFF = (0.2, 1, 5, 30, 120, 600, 1800)
FETCH = 200

_INBOX = text("INSERT INTO inbox (consumer, event_id) VALUES (:consumer, :event) ON CONFLICT DO NOTHING RETURNING 1")
_MARK = text(
    "INSERT INTO projection_marks AS m (consumer, tenant_id, resource_id, version) VALUES (:consumer, :tenant, :resource, :version) "
    "ON CONFLICT (consumer, tenant_id, resource_id) DO UPDATE SET version = excluded.version WHERE m.version < excluded.version RETURNING 1"
)


@dataclass(frozen=True, slots=True)
class Consumer:
    """One handler with what it listens to. `events` empty means every event of every service."""

    name: str
    handler: Handler
    events: tuple[type[Message], ...]
    newest_wins: bool
    origins: frozenset[str]

    def takes(self, subject: str) -> bool:
        """Whether the handler listens to this subject."""
        return not self.events or any(subject_of(event) == subject for event in self.events)


def projection(*events: type[Message]) -> Callable[[H], H]:
    """Marks a handler that keeps what it is told: called only for a newer version of the resource, whatever the origin."""
    return _marked(events, newest_wins=True, origins=EVERY_ORIGIN)


def effect(*events: type[Message], origins: Iterable[str] = (LIVE,)) -> Callable[[H], H]:
    """Marks a handler that acts: called exactly once for an event of these origins. Without events it takes all."""
    return _marked(events, newest_wins=False, origins=frozenset(origins))


def _marked(events: tuple[type[Message], ...], *, newest_wins: bool, origins: frozenset[str]) -> Callable[[H], H]:
    def mark(handler: H) -> H:
        handler.__tercet_consumer__ = (events, newest_wins, origins)  # type: ignore[attr-defined]
        return handler

    return mark


def consumers_in(module: Any, slice_name: str) -> list[Consumer]:
    """The marked handlers of a slice's `consumers.py`."""
    found = []
    for name, value in vars(module).items():
        mark = getattr(value, "__tercet_consumer__", None)
        if mark is not None and getattr(value, "__module__", "") == module.__name__:
            events, newest_wins, origins = mark
            found.append(Consumer(f"{slice_name}.{name}", value, events, newest_wins, origins))
    return found


class Dispatcher:
    """Pulls from each source stream that some handler listens to, and runs the handlers."""

    def __init__(self, runtime: Runtime, consumers: Sequence[Consumer], sources: Sequence[str]) -> None:
        self._runtime, self._consumers = runtime, consumers
        self._durable = f"tercet-{runtime.settings.service}"
        self._slots = asyncio.Semaphore(runtime.settings.consumer_concurrency)
        self._subjects = {source: self._subjects_of(source, consumers) for source in sources}
        self.superseded = 0

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

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(self._follow(source))

    async def _follow(self, source: str) -> None:
        while True:
            try:
                subscription = await self._runtime.broker.subscription(
                    source, self._durable, list(self._subjects[source])
                )
                while True:
                    try:
                        messages = await subscription.fetch(FETCH, timeout=1.0)
                    except (TimeoutError, NatsTimeout):
                        continue
                    await asyncio.gather(*(self._guarded(message) for message in messages))
            except asyncio.CancelledError:
                raise
            except Exception as fault:
                log.warning("consumer.interrupted", source=source, cause=f"{fault!r} {fault}")
                await asyncio.sleep(0.5)

    async def _guarded(self, message: Msg) -> None:
        async with self._slots:
            try:
                await self._deliver(message)
            except Exception as fault:
                log.warning("consumer.delivery_failed", subject=message.subject, cause=f"{fault!r} {fault}")

    async def _deliver(self, message: Msg) -> None:
        headers = dict(message.headers or {})
        try:
            meta = meta_of(message.subject, headers)
            event = message_class(headers["ce-type"]).FromString(message.data)
        except Exception as bad:
            log.error("consumer.unreadable", subject=message.subject, cause=repr(bad))
            await message.term()
            return
        attempt = message.metadata.num_delivered or 1
        outcomes = [
            await self._attempt(consumer, event, meta, message.data, attempt)
            for consumer in self._consumers
            if consumer.takes(message.subject)
        ]
        if all(outcomes):
            await message.ack()
        else:
            await message.nak(delay=BACK_OFF[min(attempt, len(BACK_OFF)) - 1] * random.uniform(0.9, 1.1))

    async def _attempt(self, consumer: Consumer, event: Message, meta: EventMeta, payload: bytes, attempt: int) -> bool:
        """True when the handler is done with the event, by success or by dead letter."""
        try:
            await self.handle(consumer, event, meta)
            return True
        except Refusal as refusal:
            await self._bury(consumer, meta, payload, refusal.reason, refusal.message, attempt)
            return True
        except NotYet as early:
            if attempt < len(BACK_OFF):
                return False
            await self._bury(consumer, meta, payload, "NOT_YET", str(early), attempt)
            return True
        except Exception as fault:
            log.exception("consumer.failed", consumer=consumer.name, event_id=str(meta.id), attempt=attempt)
            if attempt < len(BACK_OFF):
                return False
            await self._bury(consumer, meta, payload, type(fault).__name__, str(fault)[:2000], attempt)
            return True

    async def handle(self, consumer: Consumer, event: Message, meta: EventMeta) -> None:
        """Runs one handler on one event in a transaction of its own, unless its mark says it is done."""
        if meta.origin not in consumer.origins:
            return
        principal = Principal.system(self._runtime.settings.service, meta.tenant_id)
        context = Context(
            principal=principal,
            method=consumer.name,
            origin=meta.origin,
            traceparent=meta.headers.get("traceparent", ""),
            event=meta,
            request_id=str(meta.id),
        )
        async with self._runtime.transaction(context) as tx:
            if not await self._mark(consumer, meta, tx):
                self.superseded += consumer.newest_wins
                return
            await consumer.handler(event, tx)

    async def _mark(self, consumer: Consumer, meta: EventMeta, tx: Tx) -> bool:
        if consumer.newest_wins:
            values = {
                "consumer": consumer.name,
                "tenant": meta.tenant_id,
                "resource": meta.resource_id,
                "version": meta.version,
            }
            return (await tx.session.execute(_MARK, values)).first() is not None
        return (await tx.session.execute(_INBOX, {"consumer": consumer.name, "event": meta.id})).first() is not None

    async def _bury(
        self, consumer: Consumer, meta: EventMeta, payload: bytes, reason: str, message: str, attempts: int
    ) -> None:
        log.error(
            "consumer.dead_letter", consumer=consumer.name, event_id=str(meta.id), subject=meta.subject, reason=reason
        )
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

    async def retry(self, consumer: Consumer, headers: dict[str, str], subject: str, payload: bytes) -> None:
        """Runs a dead letter again; raises what the handler raises."""
        meta = meta_of(subject, headers)
        await self.handle(consumer, message_class(headers["ce-type"]).FromString(payload), meta)
