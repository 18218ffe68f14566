"""The transaction that a handler works in. It alone commits: state, events, jobs, audit and the reply's record, all
or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tercet_chassis import custom_fields, lists, patching, writing
from tercet_chassis.bulk import copy_rows
from tercet_chassis.context import Context, EventMeta
from tercet_chassis.database import enter_tenant
from tercet_chassis.entity import Custom, Entity, Linked, Owned, Searchable, columns_of, entity_of
from tercet_chassis.errors import EtagMismatch, ResourceNotFound
from tercet_chassis.faults import as_refusals, first_statement
from tercet_chassis.ids import new_id
from tercet_chassis.outbox import Emission
from tercet_chassis.principal import Principal
from tercet_chassis.scopes import reach
from tercet_chassis.search import index_words
from tercet_chassis.stamping import Stamps

if TYPE_CHECKING:
    from tercet_chassis.runtime import Runtime

E = TypeVar("E", bound=Entity)


class Tx:
    """One unit of work in one tenant. Handlers use it and never commit."""

    def __init__(self, runtime: Runtime, session: AsyncSession, context: Context) -> None:
        self.runtime, self.session = runtime, session
        self._emissions: list[Emission] = []
        self._stamps = Stamps(runtime, context, runtime.clock.now())
        self._jobs: list[dict[str, Any]] = []
        self._after_commit: list[Callable[[], None]] = []
        self._now = self._stamps.now
        session.sync_session.info["stamps"] = self._stamps

    # -- who and when -------------------------------------------------------------------------------------------------
    @property
    def context(self) -> Context:
        """What is known about the work. Sign-in goes on in the tenant that it finds, with a context of its own."""
        return self._stamps.context

    @context.setter
    def context(self, context: Context) -> None:
        self._stamps.context = context

    @property
    def tenant_id(self) -> UUID:
        """The tenant; a programming error in work that has none."""
        if self.context.tenant_id is None:
            raise RuntimeError(f"{self.context.method} has no tenant")
        return self.context.tenant_id

    @property
    def principal(self) -> Principal:
        """Who is asking."""
        return self.context.principal

    @property
    def origin(self) -> str:
        """live, import, replay or simulation."""
        return self.context.origin

    @property
    def event(self) -> EventMeta:
        """The event being consumed; a programming error outside a consumer."""
        if self.context.event is None:
            raise RuntimeError("only a consumer has an event")
        return self.context.event

    def now(self) -> datetime:
        """Business time, the same through the whole transaction."""
        return self._now

    # -- reading ------------------------------------------------------------------------------------------------------
    async def find(self, entity: type[E], id: str | UUID, *, lock: bool = False) -> E | None:
        """The row in the caller's reach, or None. `lock` holds it until the end of the transaction."""
        try:
            key = id if isinstance(id, UUID) else UUID(id)
        except ValueError:
            return None
        query = select(entity).where(entity.id == key, reach(entity, entity, self.principal, self.context.permission))
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return (await self.session.scalars(query)).one_or_none()

    async def get(self, entity: type[E], id: str | UUID, *, etag: str = "", lock: bool = False) -> E:
        """The row in the caller's reach; refuses with NOT_FOUND, and with ABORTED when `etag` is given and is not the
        current one.
        """
        found = await self.find(entity, id, lock=lock)
        if found is None:
            raise ResourceNotFound(type=entity.__name__, id=id)
        check_etag(found, etag)
        return found

    async def page(
        self, entity: type[Entity], request: Message, *, response: type[Message], where: Sequence[Any] = ()
    ) -> Message:
        """One page of a list: the request's filter, order, search and page token, the caller's reach, and more
        conditions on `view(entity)`.
        """
        answer: Message = await lists.page(self, entity, request, response, where)
        return answer

    def render(self, entity: Entity) -> Message:
        """The entity as its message, nothing masked."""
        return self.runtime.bindings.of(entity_of(entity)).render(entity)

    # -- writing ------------------------------------------------------------------------------------------------------
    def add(self, entity: E) -> E:
        """Puts a new row into the transaction. An owned one without owner or unit becomes the caller's."""
        owned: Any = entity
        if isinstance(owned, Owned):
            if owned.owner_id is None and self.principal.kind == "user":
                owned.owner_id = self.principal.user_id
            if owned.unit_id is None:
                owned.unit_id = self.principal.unit_id
        self.session.add(entity)
        return entity

    async def delete(self, entity: Entity) -> None:
        """Removes the row."""
        await self.session.delete(entity)

    async def flush(self) -> None:
        """Writes what has changed so far, so that later queries see it and unique keys are checked."""
        with as_refusals(self.runtime.unique_keys):
            await self.session.flush()

    async def create(self, entity: type[E], message: Message) -> E:
        """A new row from what a client sent; output-only fields are ignored, custom fields checked."""
        values = self.runtime.bindings.of(entity).values(message, creating=True)
        kind: type[Any] = entity
        if issubclass(kind, Custom):
            values["custom"] = await custom_fields.checked(self, entity, values.get("custom") or {})
        return self.add(entity(**values))

    async def patch(self, entity: E, message: Message, mask: FieldMask | None = None) -> E:
        """Changes an entity by what a client sent under its mask; refuses fields it may not set and a result that
        breaks a rule.
        """
        await patching.patch(self, entity, message, mask)
        return entity

    async def bulk_insert(
        self, entity: type[Entity], rows: Sequence[Mapping[str, Any]], *, audited: bool = False
    ) -> None:
        """Inserts many rows in one statement; no events come of it, and audit rows on demand. Keys are attribute
        names.
        """
        if not rows:
            return
        stamped = [
            {
                "id": new_id(),
                "create_time": self._now,
                "update_time": self._now,
                "row_version": 1,
                **row,
                "tenant_id": self.tenant_id,
            }
            for row in rows
        ]
        binding = self.runtime.bindings.find(entity)
        if issubclass(entity, Searchable) and binding is not None:
            for row in stamped:
                row.setdefault("search", index_words(binding.search_texts(row.get)))
        if issubclass(entity, Linked):
            known = await self.session.run_sync(self._stamps.known_parties, {row["identity_id"] for row in stamped})
            for row in stamped:
                row["party_id"] = known.get(row["identity_id"], row["party_id"])
        with as_refusals(self.runtime.unique_keys):
            await copy_rows(self.session, entity, [columns_of(entity, row) for row in stamped])
        if audited:
            self._stamps.record_bulk(entity, stamped)

    # -- telling ------------------------------------------------------------------------------------------------------
    def emit(
        self,
        event: type[Message],
        entity: Entity | None,
        *,
        occur_time: datetime | None = None,
        origin: str | None = None,
        **fields: Any,
    ) -> None:
        """Announces an event about the entity as it is at the end of the transaction; `fields` are the event's
        further fields.
        """
        self._emissions.append(Emission(event, entity, occur_time, origin, fields))

    def schedule(self, job: Callable[..., Any], *, due: datetime, key: str, **arguments: Any) -> None:
        """Has `job` run at business time `due`; the same key again moves the job that waits. Arguments are JSON."""
        self._jobs.append({"name": self.runtime.job_name(job), "key": key, "due": due, "arguments": arguments})

    def after_commit(self, action: Callable[[], None]) -> None:
        """Calls a plain function once the transaction is committed; for waking things, never for effects."""
        self._after_commit.append(action)

    # -- the boundary's part ------------------------------------------------------------------------------------------
    async def enter(self) -> None:
        """Begins: puts the tenant on the transaction."""
        with first_statement():
            await enter_tenant(self.session, self.context.tenant_id)

    @asynccontextmanager
    async def acting(self, context: Context) -> AsyncIterator[Tx]:
        """A unit of somebody else's inside this transaction: it commits with it, or not at all."""
        await self.flush()
        inner = Tx(self.runtime, self.session, context)
        try:
            yield inner
            await inner.finish()
        finally:
            self.session.sync_session.info["stamps"] = self._stamps
        self.after_commit(inner.committed)

    async def finish(self) -> None:
        """Flushes and writes events, jobs and audit rows; the caller commits."""
        await self.flush()
        await writing.write_jobs(self, self._jobs)
        await writing.write_events(self, self._emissions)
        await writing.write_audit(self, self._stamps.audit)

    def committed(self) -> None:
        """Wakes the relay and the job runner after the commit."""
        if self._emissions:
            self.runtime.wake_relay()
        if self._jobs:
            self.runtime.wake_jobs()
        for action in self._after_commit:
            action()


def check_etag(entity: Entity, etag: str) -> None:
    """Refuses when the client's etag is not the entity's."""
    given = etag.strip().removeprefix("W/").strip('"')
    if given and given != entity.etag:
        raise EtagMismatch(type=type(entity).__name__, given=given, current=entity.etag)
