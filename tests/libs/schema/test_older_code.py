"""Code of the version before serves while a newer one migrates the database under it, and afterwards."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, text

from support.leads import mobile, person
from support.servers import Servers
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, GetLeadRequest, Lead, ListLeadsRequest
from tercet_chassis import migrations
from tercet_chassis.runtime import Runtime
from tercet_chassis.service import Service
from tercet_chassis.settings import Settings
from tercet_chassis.testing import Client, RunningService, Together, eventually
from tercet_leads.app import service
from tercet_schema.building import released
from tercet_schema.compatible import Finding, breaks
from tercet_schema.snapshot import Schema
from tercet_schema.watching import Watch

from .conftest import Database

# What a next version may do: columns that the older code leaves out, a table and an index that it does not know.
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0999", "{before}"


def upgrade():
    op.unfence("leads")
    op.add_column("leads", sa.Column("nickname", sa.Text(), nullable=True))
    op.add_column("leads", sa.Column("visits", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.fence("leads")
    op.create_table(
        "nicknames",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.fence("nicknames")
    with op.get_context().autocommit_block():
        op.create_index("leads_by_nickname", "leads", ["tenant_id", "nickname"], postgresql_concurrently=True)
"""


@contextmanager
def next_version(folder: Path) -> Iterator[Service]:
    """The service with one migration more."""
    package = folder / "tercet_leads_next"
    versions = package / "migrations" / "versions"
    versions.mkdir(parents=True)
    (package / "__init__.py").touch()
    for file in migrations.folder_of(service).glob("*.py"):
        (versions / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    last = migrations.revisions(service)[0]
    (versions / "0999_next.py").write_text(NEXT.format(before=last), encoding="utf-8")

    class Next(Service):
        @property
        def module(self) -> str:
            return package.name

    sys.path.insert(0, str(folder))
    try:
        yield Next("leads", slices=[])
    finally:
        sys.path.remove(str(folder))


@asynccontextmanager
async def serving(database: Database, servers: Servers, folder: Path) -> AsyncIterator[Client]:
    """The released code on this database."""
    together = Together(folder, servers.nats_url)
    runtime = Runtime(
        service, Settings("leads", database.app, servers.nats_url, together.keys, environment="development")
    )
    await runtime.start()
    together.running["leads"] = running = RunningService(together, service, runtime)
    try:
        yield await running.tenant()
    finally:
        await together.stop()


async def test_the_version_before_loses_no_request_to_a_migration_of_the_next(
    database: Database, servers: Servers, tmp_path: Path
) -> None:
    await asyncio.to_thread(migrations.migrate, service, database.owner, database.app)
    told: list[Finding] = []
    async with serving(database, servers, tmp_path) as leads:
        made: list[Lead] = []
        done, numbers = asyncio.Event(), count()

        async def work() -> None:
            while not done.is_set():
                number = next(numbers)
                lead = await leads.CreateLead(
                    CreateLeadRequest(lead=Lead(full_name=person(number), mobile=mobile(number)))
                )
                made.append(lead)
                assert (await leads.GetLead(GetLeadRequest(id=lead.id))).id == lead.id
                listed = await leads.ListLeads(ListLeadsRequest(page_size=10, order_by="create_time desc"))
                assert lead.id in {each.id for each in listed.leads}

        at_work = [asyncio.create_task(work()) for _ in range(3)]
        await eventually(lambda: len(made) > 6)

        def migrate(connection: Connection) -> None:
            with next_version(tmp_path) as newer:
                watch = Watch(connection)
                migrations.upgrade_connection(
                    newer, database.app, connection, watchers=[lambda **_: told.extend(watch.judge())]
                )
                watch.end()

        await migrations.with_owner(database.owner, migrate)
        before = len(made)
        await eventually(lambda: len(made) > before + 6 or any(each.done() for each in at_work))
        done.set()
        await asyncio.gather(*at_work)
        # A word that only the newer version knows.
        unknown = made[0].id
        async with leads.transaction() as tx:
            await tx.session.execute(text("UPDATE leads SET state = 'FROZEN' WHERE id = :id"), {"id": unknown})
        assert (await leads.GetLead(GetLeadRequest(id=unknown))).state == 0
        assert len((await leads.ListLeads(ListLeadsRequest(page_size=100))).leads) == len({lead.id for lead in made})
        await leads.settled()
    assert await migrations.current(database.app) == "0999"
    assert told == []
    head: list[Schema] = []
    await migrations.with_owner(database.owner, lambda c: head.append(Schema.of(c, database.role)))
    before_it = released(service)
    assert before_it is not None
    assert breaks(before_it.schema, head[0]) == []
