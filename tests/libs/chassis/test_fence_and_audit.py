"""The tenant fence holds in the database itself, and the audit trail can be neither changed nor read for persons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from support.bench.requests import create
from support.bench.servers import BenchServers
from tercet.chassis.v1 import audit_service_pb2 as trail
from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet.sales.v1.activity_service_pb2 import GetActivityRequest
from tercet_chassis import migrations
from tercet_chassis.calls import Calls
from tercet_chassis.context import Context
from tercet_chassis.database import Database
from tercet_chassis.errors import CallInsideTransaction
from tercet_chassis.tables import audit
from tercet_chassis.testing import Client, eventually, refused


@pytest.fixture
async def app(bench_servers: BenchServers) -> AsyncIterator[Database]:
    """The database as the app role sees it, on connections that never had a tenant."""
    database = Database(bench_servers.app_url, pool_size=1, overflow=0, name="fence")
    yield database
    await database.close()


async def test_without_a_tenant_nothing_is_seen(sut: Client, app: Database) -> None:
    await create(sut)
    for source in ("contacts", "fenced.contacts"):
        with pytest.raises(DBAPIError):
            async with app.connection() as connection:
                await connection.execute(text(f"SELECT count(*) FROM {source}"))
        async with app.connection(uuid4()) as connection:
            assert (await connection.execute(text(f"SELECT count(*) FROM {source}"))).scalar() == 0
        async with app.connection(sut.tenant_id) as connection:
            assert (await connection.execute(text(f"SELECT count(*) FROM {source}"))).scalar() == 1


async def test_tenant_ends_with_its_transaction(sut: Client, app: Database) -> None:
    await create(sut)
    async with app.connection(sut.tenant_id) as connection:
        await connection.execute(text("SELECT 1"))
    with pytest.raises(DBAPIError):
        async with app.connection() as connection:
            await connection.execute(text("SELECT count(*) FROM contacts"))


async def test_transaction_with_a_hushed_up_failure_does_not_end_as_if_it_were_written(app: Database) -> None:
    async def hushed_up() -> None:
        async with app.begun() as statements:
            with suppress(DBAPIError):
                await statements.fetch("SELECT 1 / 0")

    with pytest.raises(DBAPIError, match="transaction is aborted"):
        await hushed_up()
    async with app.begun() as statements:
        assert await statements.fetch("SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contacts SET tenant_id = gen_random_uuid()",
        "INSERT INTO happenings (tenant_id, id, kind, note, version, create_time, update_time, row_version)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), '', '', 0, now(), now(), 1)",
    ],
)
async def test_no_row_is_written_for_another_tenant(sut: Client, app: Database, statement: str) -> None:
    await create(sut)
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with app.connection(sut.tenant_id) as connection:
            await connection.execute(text(statement))


async def test_other_tenants_rows_are_not_touched(sut: Client, app: Database) -> None:
    made = await create(sut)
    async with app.connection(uuid4()) as connection:
        assert (await connection.execute(text("UPDATE contacts SET remark = 'x'"))).rowcount == 0
        assert (await connection.execute(text("DELETE FROM contacts"))).rowcount == 0
    assert (await sut.GetContact(pb.GetContactRequest(id=made.id))).remark == ""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET action = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_seals SET digest = ''",
        "DELETE FROM audit_seals",
        "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
        "SET ROLE tercet_sales_owner",
    ],
)
async def test_app_role_cannot_rewrite_history(sut: Client, app: Database, statement: str) -> None:
    await create(sut)
    with pytest.raises(DBAPIError):
        async with app.connection(sut.tenant_id) as connection:
            await connection.execute(text(statement))


async def entries(client: Client) -> list[Any]:
    async with client.running.runtime.database.connection() as connection:
        query = select(audit).where(audit.c.tenant_id == client.tenant_id, audit.c.resource_type == "contacts")
        return list((await connection.execute(query.order_by(audit.c.id))).all())


async def test_each_change_is_told_with_who_and_what(sut: Client) -> None:
    made = await create(sut, department="采购")
    change_it = pb.UpdateContactRequest(contact=pb.Contact(id=made.id, department="销售"))
    await sut.UpdateContact(change_it, request_id="a1")
    await sut.DeleteContact(pb.DeleteContactRequest(id=made.id))
    answer = await sut.ListAuditEntries(trail.ListAuditEntriesRequest(resource_id=made.id))
    assert [entry.action for entry in answer.audit_entries] == ["DELETE", "UPDATE", "CREATE"]
    change = answer.audit_entries[1]
    assert dict(change.changes)["department"] == ["采购", "销售"]
    assert change.actor.id == sut.principal.subject
    assert change.method == "tercet.sales.v1.ContactService.UpdateContact"
    assert (await entries(sut))[1].request_id == "a1"


async def test_no_personal_value_is_kept_in_clear(sut: Client) -> None:
    made = await create(
        sut,
        "诸葛孔明",
        phones=[{"number": "13812345678"}],
        birth_date="1990-12-31",
        remark="住在隆中",
        job_title="军师",
    )
    await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, full_name="司马懿")))
    created, updated = await entries(sut)
    kept = orjson.dumps([created.changes, updated.changes]).decode()
    for secret in ("诸葛", "司马", "13812345678", "1990-12-31", "隆中"):
        assert secret not in kept
    assert "军师" in kept
    assert updated.changes["full_name"][0] == created.changes["full_name"][1]
    assert updated.changes["full_name"][0] != updated.changes["full_name"][1]


async def test_what_reads_nothing_writes_no_entry(sut: Client) -> None:
    made = await create(sut)
    await sut.GetContact(pb.GetContactRequest(id=made.id))
    await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id, full_name=made.full_name)))
    assert len(await entries(sut)) == 1


async def test_sealer_finds_a_row_that_was_tampered_with(sut: Client, bench_servers: BenchServers) -> None:
    made = await create(sut)
    await eventually(lambda: _sealed(sut))

    async def chain() -> Any:
        found = await sut.CheckInvariants(maintenance.CheckInvariantsRequest())
        return next(one for one in found.findings if one.invariant == "audit.chain_whole")

    whole = await chain()
    assert whole.holds, whole
    assert whole.checked_count > 0

    async def as_owner(change: str) -> None:
        statement = f"UPDATE audit SET {change} WHERE resource_id = '{made.id}'"
        await migrations.with_owner(bench_servers.owner_url, lambda owner: owner.exec_driver_sql(statement))

    for forge, mend in (
        ("action = 'FORGED'", "action = 'CREATE'"),
        ("actor_id = actor_id || ','", "actor_id = left(actor_id, -1)"),
        ("create_time = create_time + interval '1us'", "create_time = create_time - interval '1us'"),
        # Less than a float would tell.
        ("changes = changes || '{\"forged\": 0.10000000000000000001}'", "changes = changes - 'forged'"),
    ):
        await as_owner(forge)
        broken = await chain()
        assert (broken.holds, broken.broken_count) == (False, 1), forge
        await as_owner(mend)
        assert (await chain()).holds, mend


async def _sealed(client: Client) -> bool:
    waiting = "SELECT count(*) FROM audit_waiting"
    async with client.running.runtime.database.connection() as connection:
        return bool(await entries(client)) and not (await connection.execute(text(waiting))).scalar()


async def test_calls_inside_a_transaction_are_a_fault(sut: Client) -> None:
    calls = Calls(sut.running.runtime, Context(principal=sut.principal, method="test"))
    async with sut.transaction():
        with pytest.raises(CallInsideTransaction):
            await calls("sales", "GetActivity", GetActivityRequest())
    with refused("SERVICE_UNAVAILABLE"):
        await calls("leads", "GetLead", GetActivityRequest())
