"""What each service keeps of others: parties that move, the unit tree, tenants and what runs by their clock."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from support.bench.requests import activity, contact, create
from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.gateway.v1 import events_pb2 as gateway_events
from tercet.leads.v1 import events_pb2 as leads_events
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis.copies import apply_move, keep_tenant, keep_unit, move_party_members
from tercet_chassis.ids import new_id
from tercet_chassis.tables import jobs, tenants, units
from tercet_chassis.testing import Client, eventually


async def get(client: Client, id: str) -> pb.Contact:
    found: pb.Contact = await client.GetContact(pb.GetContactRequest(id=id))
    return found


async def test_move_reaches_every_table_with_the_pair(sut: Client) -> None:
    one = await create(sut)
    other = await activity(sut, identity_id=one.identity_id, party_id=one.party_id)
    stranger = await create(sut, "另一人")
    target = str(new_id())
    event = leads_events.PartyMembersMoved()
    event.moves.add(identity_id=one.identity_id, from_party_id=one.party_id, to_party_id=target, version=2)
    async with sut.transaction() as tx:
        await move_party_members(event, tx)
    assert (await get(sut, one.id)).party_id == target
    async with sut.transaction() as tx:
        query = text("SELECT party_id FROM fenced.activities WHERE id = :id")
        assert str((await tx.session.execute(query, {"id": UUID(other.id)})).scalar()) == target
    assert (await get(sut, stranger.id)).party_id == stranger.party_id
    assert (await get(sut, one.id)).etag == "2"


async def test_newer_move_wins_in_whatever_order(sut: Client) -> None:
    one = await create(sut)
    newer, older = new_id(), new_id()
    async with sut.transaction() as tx:
        assert await apply_move(tx, UUID(one.identity_id), newer, 5)
        assert not await apply_move(tx, UUID(one.identity_id), older, 4)
    assert (await get(sut, one.id)).party_id == str(newer)


async def test_late_row_gets_the_party_that_is_known(sut: Client) -> None:
    given = contact()
    target = new_id()
    async with sut.transaction() as tx:
        await apply_move(tx, UUID(given.identity_id), target, 1)
    made = await sut.CreateContact(pb.CreateContactRequest(contact=given))
    assert made.party_id == str(target)


async def test_row_and_move_at_the_same_moment_meet(sut: Client) -> None:
    """The row is inserted and not committed when the move comes: the move waits for it and finds it."""
    given = contact()
    target = new_id()
    entity = next(entity for entity in sut.running.service.entities if entity.__tablename__ == "contacts")

    async def move() -> None:
        async with sut.transaction() as tx:
            await apply_move(tx, UUID(given.identity_id), target, 1)

    async with sut.transaction() as tx:
        made: Any = await tx.create(entity, given)
        await tx.flush()
        moving = asyncio.create_task(move())
        while not await _waits(sut):
            await asyncio.sleep(0.01)
        assert str(made.party_id) == given.party_id
    await moving
    assert (await get(sut, str(made.id))).party_id == str(target)


async def _waits(client: Client) -> bool:
    async with client.running.runtime.database.connection() as connection:
        query = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool((await connection.execute(query)).scalar())


async def test_bulk_rows_meet_moves_too(sut: Client) -> None:
    entity: Any = next(entity for entity in sut.running.service.entities if entity.__tablename__ == "contacts")
    identity, target, id = new_id(), new_id(), new_id()
    async with sut.transaction() as tx:
        await apply_move(tx, identity, target, 1)
        row = {"identity_id": identity, "party_id": identity, "customer_id": new_id(), "full_name": "批量"}
        defaults = {"phones": [], "emails": [], "accounts": [], "custom": {}, "job_title": "", "department": ""}
        more = {"preferred": False, "active": True, "remark": ""}
        await tx.bulk_insert(entity, [{"id": id, **row, **defaults, **more}])
    got = await get(sut, str(id))
    assert got.party_id == str(target)
    found = await sut.ListContacts(pb.ListContactsRequest(q="批量"))
    assert [one.id for one in found.contacts] == [str(id)]


async def test_check_says_that_parties_agree(sut: Client) -> None:
    one = await create(sut)
    async with sut.transaction() as tx:
        await apply_move(tx, UUID(one.identity_id), new_id(), 1)
    found = await sut.CheckInvariants(maintenance.CheckInvariantsRequest())
    assert {one.invariant: one.holds for one in found.findings}["parties.contacts_agree"]
    async with sut.transaction() as tx:
        await tx.session.execute(text("UPDATE contacts SET party_id = gen_random_uuid()"))
    found = await sut.CheckInvariants(maintenance.CheckInvariantsRequest())
    assert not {one.invariant: one.holds for one in found.findings}["parties.contacts_agree"]


async def test_units_are_copied_moved_and_forgotten(sut: Client) -> None:
    id = new_id()
    event = gateway_events.UnitCreated()
    event.unit.id, event.unit.path, event.unit.name, event.unit.code = str(id), f"/{id}/", "杭州门店", "HZ"

    async def copy() -> Any:
        async with sut.running.runtime.database.connection() as connection:
            return (await connection.execute(select(units).where(units.c.id == id))).first()

    async with sut.transaction() as tx:
        await keep_unit(event, tx)
    assert (await copy()).name == "杭州门店"
    event.unit.name = "上海门店"
    async with sut.transaction() as tx:
        await keep_unit(event, tx)
    assert (await copy()).name == "上海门店"
    gone = gateway_events.UnitDeleted()
    gone.unit.CopyFrom(event.unit)
    async with sut.transaction() as tx:
        await keep_unit(gone, tx)
    assert await copy() is None


async def test_new_tenant_is_known_and_its_clock_runs(sut: Client) -> None:
    stranger = sut.as_(tenant_id=new_id())
    event = gateway_events.TenantCreated()
    event.tenant.id, event.tenant.code, event.tenant.zone = str(stranger.tenant_id), "neu", "Asia/Shanghai"
    async with stranger.transaction() as tx:
        await keep_tenant(event, tx)

    async def armed() -> bool:
        async with sut.running.runtime.database.connection() as connection:
            query = select(jobs.c.name).where(jobs.c.tenant_id == stranger.tenant_id)
            return list(await connection.scalars(query)) == ["contacts.tick"]

    await eventually(armed)
    async with sut.running.runtime.database.connection() as connection:
        query = select(tenants.c.zone).where(tenants.c.id == stranger.tenant_id)
        assert (await connection.execute(query)).scalar() == "Asia/Shanghai"
