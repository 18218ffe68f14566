"""Reads without a transaction: the fence holds on connections that serve many tenants, nothing can be written on them,
and a connection that died is replaced.
"""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.bench.requests import create, everything, names
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.readers import Readers
from tercet_chassis.testing import Client, eventually, refused

COUNT = "SELECT count(*) FROM fenced.contacts"


def readers(client: Client) -> Readers:
    return client.running.runtime.readers


async def got(client: Client, id: str) -> str:
    found = await client.GetContact(pb.GetContactRequest(id=id))
    return str(found.full_name)


async def test_many_tenants_read_side_by_side_and_each_sees_its_own(sut: Client) -> None:
    made: dict[UUID, str] = {}
    for number in range(7):
        other = sut.as_(permissions={"*": "all"}, tenant_id=new_id())
        made[other.tenant_id] = (await create(other, f"N{number}")).id

    async def look(tenant_id: UUID, number: int) -> None:
        other = sut.as_(permissions={"*": "all"}, tenant_id=tenant_id)
        assert names(await everything(other)) == [f"N{number}"]
        assert await got(other, made[tenant_id]) == f"N{number}"
        for foreign in set(made.values()) - {made[tenant_id]}:
            with refused("RESOURCE_NOT_FOUND"):
                await got(other, foreign)

    await asyncio.gather(*(look(tenant, at) for _ in range(3) for at, tenant in enumerate(made)))


async def test_who_has_no_tenant_sees_nothing(sut: Client) -> None:
    await create(sut)
    assert (await readers(sut).fetch(sut.tenant_id, COUNT))[0][0] == 1
    assert (await readers(sut).fetch(UUID(int=0), COUNT))[0][0] == 0
    assert (await readers(sut).fetch(uuid4(), COUNT))[0][0] == 0


@pytest.mark.parametrize("statement", ["DELETE FROM contacts", "UPDATE contacts SET full_name = 'x'"])
async def test_nothing_is_written_by_a_look(sut: Client, statement: str) -> None:
    await create(sut)
    with pytest.raises(Exception, match="read-only transaction"):
        await readers(sut).fetch(sut.tenant_id, statement)
    assert names(await everything(sut)) == ["王芳"]


async def test_a_read_cut_off_by_its_caller_leaves_the_tenant_right(sut: Client) -> None:
    await create(sut)
    cut = asyncio.create_task(readers(sut).fetch(sut.tenant_id, "SELECT pg_sleep(30)"))

    async def sleeps() -> bool:
        found = await readers(sut).fetch(
            uuid4(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        )
        return bool(found[0][0])

    await eventually(sleeps, 10)
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    counts = await asyncio.gather(
        *(readers(sut).fetch(tenant, COUNT) for tenant in (sut.tenant_id, uuid4()) for _ in range(8))
    )
    assert [rows[0][0] for rows in counts] == [1] * 8 + [0] * 8


async def test_a_dead_connection_is_replaced(sut: Client) -> None:
    made = await create(sut)
    assert await got(sut, made.id) == "王芳"
    async with sut.running.runtime.database.connection(sut.tenant_id) as connection:
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = user"
        )
    assert await got(sut, made.id) == "王芳"
    assert names(await everything(sut)) == ["王芳"]


async def test_reads_that_share_a_look_get_each_its_own(sut: Client) -> None:
    made = [await create(sut, f"N{number}") for number in range(12)]
    absent = [str(new_id()), "no id at all", ""]

    async def one(id: str) -> Any:
        try:
            return await got(sut, id)
        except Refusal as refusal:
            return refusal.reason

    wanted = [*(item.id for item in made), *absent, made[0].id, made[0].id.upper()]
    found = await asyncio.gather(*(one(id) for id in wanted))
    assert found[:12] == [item.full_name for item in made]
    assert found[12] == "RESOURCE_NOT_FOUND"
    assert set(found[13:15]) <= {"RESOURCE_NOT_FOUND", "REQUEST_INVALID"}
    assert found[15:] == ["N0", "N0"]


async def test_reach_holds_when_reads_share_a_look(sut: Client) -> None:
    me, other = new_id(), new_id()
    mine = (await create(sut.as_(permissions={"*": "all"}, user_id=me), "mine")).id
    theirs = (await create(sut.as_(permissions={"*": "all"}, user_id=other), "theirs")).id
    seller = sut.as_(permissions={"sales.contact.*": "own"}, user_id=me)

    async def refusal(id: str) -> str:
        with pytest.raises(Refusal) as caught:
            await got(seller, id)
        return caught.value.reason

    results = await asyncio.gather(*(job for _ in range(6) for job in (got(seller, mine), refusal(theirs))))
    assert set(results[::2]) == {"mine"}
    assert set(results[1::2]) == {"RESOURCE_NOT_FOUND"}


async def test_a_kept_list_follows_who_asks_and_what_is_written(sut: Client) -> None:
    query = {"filter": 'full_name = "N"', "order_by": "create_time desc"}
    assert await everything(sut, **query) == []
    await create(sut, "N")
    assert names(await everything(sut, **query)) == ["N"]
    masked = sut.as_(permissions={"*": "all"}, masks=["NAME"])
    with refused("CONDITION_INVALID", "filter"):
        await everything(masked, **query)
    assert names(await everything(sut.as_(permissions={"*": "all"}, tenant_id=new_id()), **query)) == []
