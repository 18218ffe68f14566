"""Migrations: Alembic with two operations of ours, `op.fence(table)` and `op.chassis_tables()`.

A fence is row-level security on the table and, beside it, the owner's view through which lists read.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from alembic import command
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import AddColumnOp, AlterColumnOp, CreateTableOp, DropColumnOp, ModifyTableOps, OpContainer
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tercet_chassis import tables
from tercet_chassis.database import async_url
from tercet_chassis.entity import FENCED_SCHEMA
from tercet_chassis.service import Service

log = structlog.get_logger(__name__)
_FIRST = "0001"
LOCK = 7_300_003


@Operations.register_operation("fence")
class FenceOp(MigrateOperation):
    """Fences a table by tenant, or makes its view anew after its columns changed."""

    def __init__(self, table: str) -> None:
        self.table = table

    @classmethod
    def fence(cls, operations: Operations, table: str) -> None:
        """Row-level security on `table`, and the owner's view of it in the schema `fenced`."""
        operations.invoke(cls(table))

    def reverse(self) -> MigrateOperation:
        return UnfenceOp(self.table)


@Operations.register_operation("unfence")
class UnfenceOp(MigrateOperation):
    """Drops a table's view, so that the table can be changed or dropped."""

    def __init__(self, table: str) -> None:
        self.table = table

    @classmethod
    def unfence(cls, operations: Operations, table: str) -> None:
        """Drops the fenced view of `table`."""
        operations.invoke(cls(table))

    def reverse(self) -> MigrateOperation:
        return FenceOp(self.table)


@Operations.implementation_for(FenceOp)
def _fence(operations: Operations, operation: FenceOp) -> None:
    table, role = operation.table, _app_role(operations)
    tenant = "tenant_id = current_setting('app.tenant')::uuid"
    operations.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    operations.execute(f'DROP POLICY IF EXISTS tenant_fence ON "{table}"')
    operations.execute(f'CREATE POLICY tenant_fence ON "{table}" USING ({tenant}) WITH CHECK ({tenant})')
    operations.execute(f'DROP VIEW IF EXISTS {FENCED_SCHEMA}."{table}"')
    operations.execute(f'CREATE VIEW {FENCED_SCHEMA}."{table}" AS SELECT * FROM "{table}" WHERE {tenant}')
    operations.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO "{role}"')
    # A view writes with its owner's rights, whom no fence holds: whatever the database grants by default is taken back.
    operations.execute(f'REVOKE ALL ON {FENCED_SCHEMA}."{table}" FROM "{role}"')
    operations.execute(f'GRANT SELECT ON {FENCED_SCHEMA}."{table}" TO "{role}"')


@Operations.implementation_for(UnfenceOp)
def _unfence(operations: Operations, operation: UnfenceOp) -> None:
    operations.execute(f'DROP VIEW IF EXISTS {FENCED_SCHEMA}."{operation.table}"')


@renderers.dispatch_for(FenceOp)
def _render_fence(_: AutogenContext, operation: FenceOp) -> str:
    return f"op.fence({operation.table!r})"


@renderers.dispatch_for(UnfenceOp)
def _render_unfence(_: AutogenContext, operation: UnfenceOp) -> str:
    return f"op.unfence({operation.table!r})"


@Operations.register_operation("chassis_tables")
class ChassisTablesOp(MigrateOperation):
    """Makes the chassis's own tables; the first operation of a service's first migration."""

    @classmethod
    def chassis_tables(cls, operations: Operations) -> None:
        """Makes outbox, inbox, jobs and the rest, and the schema of the fenced views."""
        operations.invoke(cls())


@Operations.implementation_for(ChassisTablesOp)
def _chassis_tables(operations: Operations, _: ChassisTablesOp) -> None:
    role = _app_role(operations)
    connection = operations.get_bind()
    tables.metadata.create_all(connection)
    for function in tables.FUNCTIONS.values():
        connection.exec_driver_sql(function)
    for table in tables.metadata.tables:
        operations.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO "{role}"')
    operations.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    # Audit rows are written once.
    operations.execute(f'REVOKE UPDATE, DELETE ON audit, audit_seals FROM "{role}"')
    operations.execute(f"CREATE SCHEMA IF NOT EXISTS {FENCED_SCHEMA}")
    operations.execute(f'GRANT USAGE ON SCHEMA {FENCED_SCHEMA} TO "{role}"')


@Operations.register_operation("drop_chassis_tables")
class DropChassisTablesOp(MigrateOperation):
    """Takes the chassis's own tables away."""

    @classmethod
    def drop_chassis_tables(cls, operations: Operations) -> None:
        """Drops what `chassis_tables` made."""
        operations.invoke(cls())


@Operations.implementation_for(DropChassisTablesOp)
def _drop_chassis_tables(operations: Operations, _: DropChassisTablesOp) -> None:
    for signature in tables.FUNCTIONS:
        operations.execute(f"DROP FUNCTION IF EXISTS {signature}")
    tables.metadata.drop_all(operations.get_bind())
    operations.execute(f"DROP SCHEMA IF EXISTS {FENCED_SCHEMA} CASCADE")


@renderers.dispatch_for(ChassisTablesOp)
def _render_chassis_tables(_: AutogenContext, __: ChassisTablesOp) -> str:
    return "op.chassis_tables()"


@renderers.dispatch_for(DropChassisTablesOp)
def _render_drop_chassis_tables(_: AutogenContext, __: DropChassisTablesOp) -> str:
    return "op.drop_chassis_tables()"


def _app_role(operations: Operations) -> str:
    role: str = operations.migration_context.opts["app_role"]
    return role


def build_from_models(service: Service, app_url: str, connection: Connection) -> None:
    """Makes all tables from the models, fenced as migrations fence them: for tests, whose models may be ahead of the
    migrations.
    """
    context = MigrationContext.configure(connection, opts={"app_role": urlsplit(app_url).username})
    operations: Any = Operations(context)
    operations.chassis_tables()
    service.metadata.create_all(connection)
    for table in service.metadata.sorted_tables:
        operations.fence(table.name)


def add_fences(_: MigrationContext, __: Any, directives: list[Any]) -> None:
    """Adds the fences to what autogenerate wrote: for each new table, and around each table whose columns change."""
    for script in directives:
        for container, forward in ((script.upgrade_ops, True), (script.downgrade_ops, False)):
            container.ops = _fenced(container, forward)
        if script.rev_id == _FIRST:
            script.upgrade_ops.ops.insert(0, ChassisTablesOp())
            script.downgrade_ops.ops.append(DropChassisTablesOp())


def _fenced(container: OpContainer, forward: bool) -> list[Any]:
    result: list[Any] = []
    operation: Any
    for operation in container.ops:
        changed = isinstance(operation, ModifyTableOps) and any(
            isinstance(inner, AddColumnOp | DropColumnOp | AlterColumnOp) for inner in operation.ops
        )
        if changed:
            result += [UnfenceOp(operation.table_name), operation, FenceOp(operation.table_name)]
        elif isinstance(operation, CreateTableOp):
            result += [operation, FenceOp(operation.table_name)]
        elif type(operation).__name__ == "DropTableOp":
            result += [UnfenceOp(operation.table_name), operation]
        else:
            result.append(operation)
    # Indexes of a new table come after its fence; the order between them does not matter.
    return result


def folder_of(service: Service) -> Path:
    """Where the service's versions lie: beside its sources in a checkout, inside the package when installed."""
    module = importlib.import_module(service.module)
    package = Path(next(iter(module.__path__)))
    inside = package / "migrations" / "versions"
    return inside if inside.exists() else package.parents[1] / "migrations" / "versions"


def _locations(service: Service) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(folder_of(service)))
    config.set_main_option("path_separator", "newline")
    return config


def _config(service: Service, app_url: str, connection: Connection) -> Config:
    config = _locations(service)
    config.attributes.update(
        metadata=service.metadata, connection=connection, app_role=urlsplit(app_url).username or ""
    )
    return config


def upgrade_connection(
    service: Service,
    app_url: str,
    connection: Connection,
    to: str = "head",
    watchers: Sequence[Callable[..., None]] = (),
) -> None:
    """Migrates on an open owner's connection; `to` may be `base` to take everything back. A database that a newer
    version has migrated is left as it is: code runs on the next version's schema. Watchers are called in each
    migration's transaction, before it commits.
    """
    config = _config(service, app_url, connection)
    config.attributes["watchers"] = tuple(watchers)
    if to != "base" and _is_newer(config, connection):
        log.info("migrations.database_is_newer", service=service.name)
        return
    (command.downgrade if to == "base" else command.upgrade)(config, to)
    if to != "base":
        _show_revision(config, connection)


def upgrade_within(service: Service, app_url: str, connection: Connection, to: str = "head") -> None:
    """Migrates in the caller's transaction, which keeps all of it or nothing."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = _config(service, app_url, connection)
    config.attributes["within"] = True
    command.upgrade(config, to)
    _show_revision(config, connection)


def _show_revision(config: Config, connection: Connection) -> None:
    # Serving pods look whether they may begin, with their own role.
    connection.exec_driver_sql(f'GRANT SELECT ON alembic_version TO "{config.attributes["app_role"]}"')


def _is_newer(config: Config, connection: Connection) -> bool:
    """Whether the database stands at a revision that this code does not have."""
    at = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return at is not None and at not in {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}


def new_revision(service: Service, app_url: str, connection: Connection, message: str) -> None:
    """Writes the next version from the difference between models and database."""
    number = len(list(folder_of(service).glob("*.py"))) + 1
    command.revision(_config(service, app_url, connection), message, autogenerate=True, rev_id=f"{number:04d}")


def differences(service: Service, app_url: str, connection: Connection) -> None:
    """Raises when the models and the migrated database differ."""
    command.check(_config(service, app_url, connection))


def scripts(service: Service) -> list[Script]:
    """The migrations in the code, oldest first."""
    return list(ScriptDirectory.from_config(_locations(service)).walk_revisions())[::-1]


def revisions(service: Service) -> list[str]:
    """The revisions in the code, newest first."""
    return [each.revision for each in reversed(scripts(service))]


async def with_owner(owner_url: str, work: Callable[[Connection], object]) -> None:
    """Runs synchronous work on one connection of the tables' owner."""
    engine = create_async_engine(async_url(owner_url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
            await connection.commit()
    finally:
        await engine.dispose()


async def current(url: str) -> str | None:
    """The revision the database is at."""
    engine = create_async_engine(async_url(url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            if not (await connection.execute(text("SELECT to_regclass('alembic_version')"))).scalar():
                return None
            return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    finally:
        await engine.dispose()


async def awaited(service: Service, app_url: str, seconds: float) -> None:
    """Waits until the database stands at this code's newest revision or at one that a newer version made. Raises
    TimeoutError after so many seconds, with what it saw last.
    """
    known = revisions(service)
    behind = set(known[1:])

    async def standing() -> str:
        at = await current(app_url)
        ready = at is not None and at not in behind
        return "" if ready else f"stands at {at or 'no revision'}, this version needs {known[0]}"

    await _until(service, standing, seconds, "Run `migrate`, or look why it failed.")


async def answering(service: Service, url: str, seconds: float) -> None:
    """Waits until the database takes a connection. Raises TimeoutError after so many seconds."""

    async def connected() -> str:
        await current(url)
        return ""

    await _until(service, connected, seconds, "See whether it runs, and whether its address and password are right.")


async def _until(service: Service, missing: Callable[[], Awaitable[str]], seconds: float, remedy: str) -> None:
    """Waits until nothing is missing; a database that does not answer is waited for as well."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen = await missing()
        except (OSError, DBAPIError) as away:
            seen = f"does not answer: {getattr(away, 'orig', None) or away}"
        if not seen:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the database of {service.name} {seen}; waited {seconds:g} s. {remedy}")
        log.info("migrations.database_awaited", service=service.name, seen=seen)
        await asyncio.sleep(1.0)


def migrate(service: Service, owner_url: str, app_url: str, to: str = "head", wait: float = 0.0) -> None:
    """Brings the database to the code's newest revision, under a lock; does nothing when it is there. Raises
    TimeoutError when the database does not answer within `wait` seconds.
    """
    service.assemble()

    async def steps() -> None:
        await answering(service, owner_url, wait)
        await with_owner(owner_url, lambda connection: upgrade_connection(service, app_url, connection, to))

    asyncio.run(steps())
