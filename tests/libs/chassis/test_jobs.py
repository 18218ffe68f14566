"""Jobs run when they are due, once among many runners, again after a fault, and by the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from support.bench import bench
from support.bench.contacts.errors import ContactRefused
from support.bench.contacts.jobs import note_later
from support.bench.contacts.script import SCRIPT
from support.bench.servers import Happenings
from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet_chassis.runtime import Runtime
from tercet_chassis.tables import jobs
from tercet_chassis.testing import Client, eventually, refused
from tercet_local import ports


@pytest.fixture
async def other(sut: Client) -> AsyncIterator[Runtime]:
    """A second replica on the same database, whose loops do not run by themselves."""
    runtime = Runtime(bench(), replace(sut.running.runtime.settings))
    yield runtime
    await runtime.database.close()


async def schedule(client: Client, word: str, *, key: str = "k", minutes: float = 0) -> None:
    async with client.transaction() as tx:
        tx.schedule(note_later, due=tx.now() + timedelta(minutes=minutes), key=key, word=word)


async def rows(client: Client, name: str = "contacts.note_later") -> list[Any]:
    async with client.running.runtime.database.connection() as connection:
        query = select(jobs).where(jobs.c.tenant_id == client.tenant_id, jobs.c.name == name)
        return list((await connection.execute(query)).all())


async def make_due(client: Client) -> None:
    """Lets all waiting back-off of this tenant be over."""
    async with client.running.runtime.database.connection() as connection:
        mine = update(jobs).where(jobs.c.tenant_id == client.tenant_id)
        await connection.execute(mine.values(retry_time=None, lease_time=None))
    client.running.runtime.wake_jobs()


async def test_due_job_runs_once_and_is_gone(sut: Client, happenings: Happenings) -> None:
    await schedule(sut, "hello")
    await eventually(lambda: happenings("job"))
    await sut.settled()
    assert await happenings("job") == [("hello", 0)]
    assert await rows(sut) == []


async def test_job_that_is_not_due_waits_and_the_same_key_replaces_it(sut: Client, happenings: Happenings) -> None:
    await schedule(sut, "old", minutes=60)
    await schedule(sut, "new", minutes=50)
    await schedule(sut, "another", key="k2", minutes=50)
    assert {row.arguments["word"] for row in await rows(sut)} == {"new", "another"}
    assert await happenings("job") == []
    await schedule(sut, "now")
    await eventually(lambda: happenings("job"))
    assert await happenings("job") == [("now", 0)]


async def test_job_of_a_rolled_back_transaction_never_runs(sut: Client) -> None:
    async def fail() -> None:
        async with sut.transaction() as tx:
            tx.schedule(note_later, due=tx.now(), key="never", word="never")
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fail()
    assert await rows(sut) == []


async def test_two_runners_share_the_work_without_doing_it_twice(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    async with sut.transaction() as tx:
        for number in range(60):
            tx.schedule(note_later, due=tx.now(), key=str(number), word=str(number))
    await asyncio.gather(*(runtime.jobs.run_due() for runtime in (other, sut.running.runtime) for _ in range(4)))
    await sut.settled()
    assert sorted(int(note) for note, _ in await happenings("job")) == list(range(60))


async def test_long_job_is_not_run_again_when_its_lease_ends(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    gate = SCRIPT.close("job long")
    await schedule(sut, "long")
    await SCRIPT.reached["job long"].wait()
    assert await other.jobs.run_due() == 0
    gate.set()
    await eventually(lambda: happenings("job"))
    await sut.settled()
    assert SCRIPT.calls.count("job long") == 1


async def test_job_that_is_rescheduled_while_claimed_runs_with_the_new_arguments(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    await schedule(sut, "stale", minutes=60)
    (row,) = await rows(sut)
    async with sut.running.runtime.database.connection() as connection:
        claimed = update(jobs).where(jobs.c.id == row.id).values(attempts=1, due_time=text("now()"))
        stale = (await connection.execute(claimed.returning(jobs))).one()
    await schedule(sut, "fresh")
    await other.jobs._run(stale)
    await eventually(lambda: happenings("job"))
    await sut.settled()
    assert await happenings("job") == [("fresh", 0)]


async def test_fault_backs_off_and_the_job_comes_again(sut: Client, happenings: Happenings) -> None:
    SCRIPT.failures["job frail"] = RuntimeError("the test wants a fault")
    await schedule(sut, "frail")
    await eventually(lambda: _errors(sut))
    (row,) = await rows(sut)
    assert (row.state, row.attempts, row.retry_time is None) == ("WAITING", 1, False)
    assert "wants a fault" in row.error
    SCRIPT.failures.clear()
    await make_due(sut)
    await eventually(lambda: happenings("job"))


async def _errors(client: Client) -> bool:
    return all(row.error for row in await rows(client))


async def test_refused_job_is_given_up_where_people_see_it(sut: Client) -> None:
    SCRIPT.failures["job refused"] = ContactRefused(name="z")
    await schedule(sut, "refused")
    await eventually(lambda: _errors(sut))
    (row,) = await rows(sut)
    assert (row.state, row.error) == ("FAILED", "CONTACT_REFUSED: z is refused; choose another name.")
    found = await sut.CheckInvariants(maintenance.CheckInvariantsRequest())
    finding = next(one for one in found.findings if one.invariant == "jobs.none_given_up")
    assert (finding.holds, finding.broken_count) == (False, 1)
    await sut.settled()


async def test_backlog_is_refused_while_the_database_is_away(sut: Client) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{ports.pick()}/nothing"
    away = Runtime(bench(), replace(sut.running.runtime.settings, database_url=nowhere))
    with refused("DATABASE_AWAY"):
        await away.backlog()


async def test_job_of_a_newer_version_is_left_to_it(sut: Client) -> None:
    async with sut.running.runtime.database.connection() as connection:
        values = {"tenant_id": sut.tenant_id, "name": "contacts.future", "key": "f", "arguments": {}}
        await connection.execute(jobs.insert().values(id=sut.tenant_id, due_time=text("now()"), **values))
    sut.running.runtime.wake_jobs()

    async def looked_at() -> bool:
        return bool((await rows(sut, "contacts.future"))[0].error)

    await eventually(looked_at)
    (row,) = await rows(sut, "contacts.future")
    assert row.state == "WAITING"
    async with sut.running.runtime.database.connection() as connection:
        await connection.execute(jobs.delete().where(jobs.c.id == row.id))


async def test_virtual_clock_makes_jobs_due_and_only_goes_forward(sut: Client, happenings: Happenings) -> None:
    await schedule(sut, "tomorrow", minutes=24 * 60)
    clock = sut.running.runtime.clock
    start = clock.now()
    request = maintenance.AdvanceClockRequest()
    request.to_time.FromDatetime(start + timedelta(days=2))
    try:
        reading = await sut.AdvanceClock(request)
        assert reading.virtual
        await sut.settled()
        assert await happenings("job") == [("tomorrow", 0)]
        assert len(await happenings("tick")) == 1, "what was missed is made up for once"
        request.to_time.FromDatetime(start + timedelta(days=1))
        with refused("CLOCK_RUNS_FORWARD"):
            await sut.AdvanceClock(request)
        request.to_time.FromDatetime(start + timedelta(days=2, hours=1, minutes=1))
        await sut.AdvanceClock(request)
        await sut.settled()
        assert len(await happenings("tick")) == 2
    finally:
        reading = await sut.ReleaseClock(maintenance.ReleaseClockRequest())
        assert not reading.virtual


async def test_what_runs_by_the_clock_follows_it_into_the_past(sut: Client, happenings: Happenings) -> None:
    request = maintenance.AdvanceClockRequest()
    past = sut.running.runtime.clock.now() - timedelta(days=7)

    async def armed() -> bool:
        (row,) = await rows(sut, "contacts.tick")
        return bool(row.due_time <= past + timedelta(hours=1))

    try:
        request.to_time.FromDatetime(past)
        await sut.AdvanceClock(request)
        await eventually(armed)
        request.to_time.FromDatetime(past + timedelta(hours=2))
        await sut.AdvanceClock(request)
        await sut.settled()
        assert len(await happenings("tick")) == 1
    finally:
        await sut.ReleaseClock(maintenance.ReleaseClockRequest())
