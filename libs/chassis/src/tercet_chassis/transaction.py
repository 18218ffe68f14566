"""The transaction that a handler works in. It alone commits: state, events, jobs, audit and the reply's record, all
or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tercet_chassis import custom_fields, lists, patching, writing
from tercet_chassis.bulk import Inserts, Way, way_of
from tercet_chassis.consumers import Consumer
from tercet_chassis.context import Context, EventMeta
from tercet_chassis.database import Statements
from tercet_chassis.entity import Custom, Entity, Linked, Owned, Searchable, columns_of, entity_of
from tercet_chassis.errors import EtagMismatch, ResourceNotFound
from tercet_chassis.faults import as_refusals
from tercet_chassis.host import Host
from tercet_chassis.ids import new_id
from tercet_chassis.known import Known
from tercet_chassis.outbox import Emission
from tercet_chassis.principal import Principal
from tercet_chassis.scopes import reach
from tercet_chassis.search import index_words
from tercet_chassis.stamping import Stamps

E = TypeVar("E", bound=Entity)

# In one order everywhere, so that two who hold many do not wait for each other.
_HOLD = (
    "SELECT count(pg_advisory_xact_lock{how}(hashtextextended(concat($1::text, ':', name), 0))) "
    "FROM unnest($2::text[]) AS name"
)
_HOLD_ALONE, _HOLD_SHARED = _HOLD.format(how=""), _HOLD.format(how="_shared")


class Dispatching(Protocol):
    """How a running service hears of events."""

    @property
    def sources(self) -> list[str]:
        """The services whose events are taken."""

    def subjects_of(self, source: str) -> list[str]:
        """What may be taken of a service: subjects; none when it may be any."""

    async def listen(self, statements: Statements, sources: Sequence[str] | None = None) -> None:
        """Has the server deliver what handlers ask for as this transaction, in nobody's tenant, sees it."""

    def named(self, name: str) -> Consumer | None:
        """The consumer of that name."""

    async def retry(self, consumer: Consumer, headers: dict[str, str], subject: str, payload: bytes, tx: Tx) -> None:
        """Runs a dead letter again inside the caller's transaction; raises what the handler raises."""


class Running(Host, Protocol):
    """A running service, as those see it who begin transactions in it."""

    @property
    def dispatcher(self) -> Dispatching:
        """Its consumers at work."""

    def begun(self, context: Context) -> AbstractAsyncContextManager[Tx]:
        """A transaction of the context's tenant that commits when the block ends; the block finishes the unit."""

    def transaction(self, context: Context) -> AbstractAsyncContextManager[Tx]:
        """One unit of work outside a request: for consumers, jobs and process steps."""


class Tx:
    """One unit of work in one tenant. Handlers use it and never commit."""

    def __init__(self, runtime: Running, statements: Statements, context: Context) -> None:
        self.runtime, self._statements = runtime, statements
        self._session: AsyncSession | None = None
        # Definitions of custom fields, by table.
        self.custom_fields: dict[str, dict[str, Any]] = {}
        self._inserts = Inserts()
        # Messages of entities that change no more.
        self._rendered: dict[int, Message] | None = None
        self._early: dict[int, Message] = {}
        self._emissions: list[Emission] = []
        self._stamps = Stamps(runtime, context, runtime.clock.now())
        self._jobs: list[dict[str, Any]] = []
        self._after_commit: list[Callable[[], None]] = []
        self._now = self._stamps.now

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

    @property
    def known(self) -> Known:
        """What the service knows of tenant, units, parties and files."""
        return Known(self)

    def now(self) -> datetime:
        """Business time, the same through the whole transaction."""
        return self._now

    # -- reading ------------------------------------------------------------------------------------------------------
    @property
    def session(self) -> AsyncSession:
        """The session of this transaction, made when it is first asked for; for store.py only."""
        if self._session is None:
            self._session = AsyncSession(self._statements.connection, expire_on_commit=False, autoflush=True)
            self._session.sync_session.info["stamps"] = self._stamps
        return self._session

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """The rows of a statement in PostgreSQL's own words, with parameters $1, $2, …: for what runs thousands of
        times a minute. It sees what was flushed; JSON comes as values and goes as text.
        """
        return await self._statements.fetch(statement, *values)

    # What a look reads on connections of their own, a transaction reads where it is.
    rows = fetch

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
        return await lists.page(self, entity, request, response, where)

    def render(self, entity: Entity) -> Message:
        """The entity as its message, nothing masked."""
        message = self._early.get(id(entity))
        if message is None and self._rendered is not None:
            message = self._rendered.get(id(entity))
        if message is None:
            message = self.runtime.bindings.of(entity_of(entity)).render(entity)
            if self._rendered is not None:
                self._rendered[id(entity)] = message
        return message

    def render_early(self, entity: Entity) -> None:
        """Renders what will be told of an entity that no session watches and that changes no more, while the database
        is busy with it. Whoever calls holds on to the entity until the end.
        """
        self._early[id(entity)] = self.runtime.bindings.of(entity_of(entity)).render(entity)

    # -- waiting ------------------------------------------------------------------------------------------------------
    async def hold(self, kind: str, names: Iterable[object], *, shared: bool = False) -> None:
        """Makes others of the tenant who hold one of these names of this kind wait until the end of the transaction;
        sharers do not wait for each other. What is read afterwards is the newest. For what no row can be locked for:
        one that is not there yet, or what is counted over many.
        """
        wanted = sorted({str(name) for name in names})
        if wanted:
            await self.fetch(_HOLD_SHARED if shared else _HOLD_ALONE, f"{kind}:{self.tenant_id}", wanted)

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
            if self._session is not None:
                await self._session.flush()
            await self._inserts.write(self._statements)

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

    def stage(self, entity: type[Entity], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Has many rows inserted in one statement with what else the unit writes, at its end or its next flush; no
        events and no audit rows come of it. Keys are attribute names. Gives the rows as they will stand.

        Linked rows must be of identities that this transaction made, which nobody can have moved.
        """
        stamps = {"create_time": self._now, "update_time": self._now, "row_version": 1}
        stamped = [{**stamps, **row, "tenant_id": self.tenant_id} for row in rows]
        for row in stamped:
            if "id" not in row:
                row["id"] = new_id()
        binding = self.runtime.bindings.find(entity)
        if issubclass(entity, Searchable) and binding is not None:
            for row in stamped:
                if "search" not in row:
                    row["search"] = index_words(binding.search_texts(row.get))
        self._inserts.add(way_of(entity.__table__), [columns_of(entity, row) for row in stamped])
        return stamped

    def stage_rows(self, way: Way, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for a table that is no entity, and for what the chassis keeps beside the rows."""
        self._inserts.add(way, rows)

    async def bulk_insert(
        self, entity: type[Entity], rows: Sequence[Mapping[str, Any]], *, audited: bool = False
    ) -> list[dict[str, Any]]:
        """Inserts many rows in one statement; no events come of it, and audit rows on demand. Keys are attribute
        names. Gives the rows as they stand.
        """
        if not rows:
            return []
        if issubclass(entity, Linked):
            known = await self.session.run_sync(self._stamps.known_parties, {row["identity_id"] for row in rows})
            if known:
                rows = [{**row, "party_id": known.get(row["identity_id"], row["party_id"])} for row in rows]
        stamped = self.stage(entity, rows)
        await self.flush()
        if audited:
            self.record_created(entity, stamped)
        return stamped

    def record_created(self, entity: type[Entity], rows: Sequence[Mapping[str, Any]]) -> None:
        """Audit rows of what was inserted past the session."""
        self._stamps.record_bulk(entity, rows)

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

    def afterwards(self, work: Callable[..., Any], *arguments: Any, key: object = None, audited: bool = True) -> None:
        """Has `async def work(outside, *arguments)` begin once the transaction is committed, for what must not happen
        inside one: handing over to somebody else. Whatever it raises is logged and no more; who dies at it leaves
        nothing, so the unit leaves a lease or a job by which it is done again. Of one key, one runs at a time.
        """
        name = f"{work.__module__.split('.')[1]}.{work.__name__.lstrip('_')}"
        principal = Principal.system(self.runtime.settings.service, self.tenant_id)
        context = Context(principal, name, traceparent=self.context.traceparent, audited=audited)
        self.after_commit(lambda: self.runtime.afterwards(context, work, arguments, key))

    # -- the boundary's part ------------------------------------------------------------------------------------------
    @asynccontextmanager
    async def acting(self, context: Context) -> AsyncIterator[Tx]:
        """A unit of somebody else's inside this transaction: it commits with it, or not at all."""
        await self.flush()
        inner = Tx(self.runtime, self._statements, context)
        inner._session = self._session
        if self._session is not None:
            self._session.sync_session.info["stamps"] = inner._stamps
        try:
            yield inner
            await inner.finish()
        finally:
            self._session = inner._session
            if self._session is not None:
                self._session.sync_session.info["stamps"] = self._stamps
        self.after_commit(inner.committed)

    def audit(self, kind: str, id: UUID, action: str, changes: Mapping[str, Any]) -> None:
        """Records what no flush sees: a change beside the rows. `changes` holds no personal values."""
        self._stamps.audit.append((kind, id, action, orjson.dumps(changes)))

    async def settle(self) -> None:
        """Flushes the session for the last time: from here on entities are as they will be committed."""
        if self._session is not None:
            with as_refusals(self.runtime.unique_keys):
                await self._session.flush()
        self._rendered = {}

    async def finish(self) -> None:
        """Flushes and writes events, jobs and audit rows; the caller commits."""
        if self._rendered is None:
            await self.settle()
        await writing.write_jobs(self, self._jobs)
        writing.stage_events(self, self._emissions)
        writing.stage_audit(self, self._stamps.audit)
        await self._inserts.write(self._statements)

    async def close(self) -> None:
        """Lets the session go, if there was one."""
        if self._session is not None:
            await self._session.close()

    def committed(self) -> None:
        """Wakes who works off what was committed."""
        if self._emissions:
            self.runtime.wake_relay()
        if self._jobs:
            self.runtime.wake_jobs()
        if self._stamps.audit:
            self.runtime.wake_sealer()
        for action in self._after_commit:
            action()


def check_etag(entity: Entity, etag: str) -> None:
    """Refuses when the client's etag is not the entity's."""
    given = etag.strip().removeprefix("W/").strip('"')
    if given and given != entity.etag:
        raise EtagMismatch(type=type(entity).__name__, given=given, current=entity.etag)
