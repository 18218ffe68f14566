"""Processes: each step once, resumed after a crash, undone when refused, told of as operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from sqlalchemy import select, text, update

from support.bench import bench
from support.bench.contacts.errors import ContactRefused
from support.bench.contacts.script import SCRIPT
from support.bench.requests import activity
from support.bench.servers import Happenings
from tercet.chassis.v1 import operation_service_pb2 as operations
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1.value_service_pb2 import RebuildValueRequest, RebuildValueResponse
from tercet_chassis.context import Context
from tercet_chassis.errors import Refusal, Unavailable
from tercet_chassis.ids import new_id
from tercet_chassis.runtime import Runtime
from tercet_chassis.tables import processes
from tercet_chassis.testing import Client, eventually, refused

Operation = operations.Operation


class Silence(Unavailable):
    """Another service does not answer."""

    text = "Try again."


@pytest.fixture
async def other(sut: Client) -> AsyncIterator[Runtime]:
    """A second replica of the bench on the same database; its loops do not run until a test calls them."""
    runtime = Runtime(bench(), replace(sut.running.runtime.settings))
    await runtime.broker.connect()
    yield runtime
    await runtime.processes.drain()
    await runtime.broker.close()
    await runtime.database.close()


async def rows(client: Client) -> list[Any]:
    async with client.running.runtime.database.connection() as connection:
        query = select(processes).where(processes.c.tenant_id == client.tenant_id).order_by(processes.c.id)
        return list((await connection.execute(query)).all())


async def cancel(client: Client, id: str, key: str, timeout: float = 20.0) -> activities.Activity:
    request = activities.CancelActivityRequest(id=id)
    done: activities.Activity = await client.CancelActivity(request, request_id=key, timeout=timeout)
    return done


async def kinds(happenings: Happenings) -> dict[str, int]:
    found = ("first", "second", "third", "undo first", "undo second")
    return {kind: len(await happenings(kind)) for kind in found}


ALL_ONCE = {"first": 1, "second": 1, "third": 1, "undo first": 0, "undo second": 0}


async def test_steps_run_once_and_the_reply_is_kept(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    done = await cancel(sut, made.id, "p1")
    assert done.state == activities.Activity.State.CANCELED
    assert await cancel(sut, made.id, "p1") == done
    assert await kinds(happenings) == ALL_ONCE
    (row,) = await rows(sut)
    assert (row.state, row.response_type) == ("DONE", "tercet.sales.v1.Activity")


async def test_a_unit_leaves_to_its_steps_what_it_cannot_do_alone(sut: Client, happenings: Happenings) -> None:
    alone, stepped = await activity(sut), await activity(sut, "in steps")
    await sut.CompleteActivity(activities.CompleteActivityRequest(id=alone.id), request_id="alone")
    assert await rows(sut) == [], "what a unit does alone is no process"
    request = activities.CompleteActivityRequest(id=stepped.id)
    done = await sut.CompleteActivity(request, request_id="s1")
    assert (done.title, done.next_step) == ("in steps", "first"), "what the unit did before is undone"
    assert await sut.CompleteActivity(request, request_id="s1") == done
    assert len(await happenings("first")) == 1
    (row,) = await rows(sut)
    assert row.state == "DONE"


async def test_twins_share_one_process(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    replies = await asyncio.gather(*(cancel(sut, made.id, "p2") for _ in range(10)))
    assert len({reply.SerializeToString() for reply in replies}) == 1
    assert await kinds(happenings) == ALL_ONCE
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await cancel(sut, str(new_id()), "p2")


async def test_refusal_undoes_in_reverse_and_stores_nothing(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    SCRIPT.failures["in third"] = ContactRefused(name="x")
    with refused("CONTACT_REFUSED"):
        await cancel(sut, made.id, "p3")
    assert await kinds(happenings) == {"first": 1, "second": 1, "third": 0, "undo first": 1, "undo second": 1}
    async with sut.transaction() as tx:
        query = text("SELECT kind FROM fenced.happenings ORDER BY create_time, id")
        assert list(await tx.session.scalars(query)) == ["first", "second", "undo second", "undo first"]
    assert await rows(sut) == []
    SCRIPT.failures.clear()
    assert (await cancel(sut, made.id, "p3")).state == activities.Activity.State.CANCELED


async def test_fault_is_tried_again_from_the_step_that_failed(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    SCRIPT.failures["in second"] = RuntimeError("the test wants a fault")
    with pytest.raises(grpc.aio.AioRpcError):
        await cancel(sut, made.id, "p4")
    SCRIPT.failures.clear()
    assert (await cancel(sut, made.id, "p4")).state == activities.Activity.State.CANCELED
    assert await kinds(happenings) == ALL_ONCE
    assert SCRIPT.calls.count("in first") == 1


async def test_silence_of_another_service_is_tried_again(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    SCRIPT.failures["before third"] = Silence()
    with pytest.raises(Refusal):
        await cancel(sut, made.id, "p5")
    (row,) = await rows(sut)
    assert (row.state, row.retry_time is None) == ("RUNNING", False)
    SCRIPT.failures.clear()
    await eventually(lambda: _ended(sut))
    assert await kinds(happenings) == ALL_ONCE


async def _ended(client: Client) -> bool:
    return all(row.state == "DONE" for row in await rows(client))


async def test_spent_deadline_gives_the_interim_and_the_end_comes(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    gate = SCRIPT.close("between")
    interim = await cancel(sut, made.id, "p6", timeout=0.7)
    assert (interim.next_step, interim.state) == ("first", activities.Activity.State.OPEN)
    gate.set()
    assert (await cancel(sut, made.id, "p6")).state == activities.Activity.State.CANCELED
    assert await kinds(happenings) == ALL_ONCE


async def test_another_replica_resumes_what_a_crash_left(sut: Client, happenings: Happenings, other: Runtime) -> None:
    made = await activity(sut)
    SCRIPT.close("between")
    call = asyncio.create_task(cancel(sut, made.id, "p7"))
    await SCRIPT.reached["between"].wait()
    runner = sut.running.runtime.processes
    (row,) = await rows(sut)
    # A crash: the task is gone, its lease is still there.
    runner._tasks[row.id].cancel()
    SCRIPT.gates["between"].set()
    await asyncio.gather(call, return_exceptions=True)
    assert await other.processes.resume_abandoned() == 0, "the lease still holds"
    await lapse(sut)
    assert await other.processes.resume_abandoned() == 1
    await eventually(lambda: _ended(sut))
    assert await kinds(happenings) == ALL_ONCE
    assert SCRIPT.calls.count("in first") == 1


async def lapse(client: Client) -> None:
    """Ends the leases of this tenant's processes, as when their runner had not been heard of for long."""
    async with client.running.runtime.database.connection() as connection:
        mine = update(processes).where(processes.c.tenant_id == client.tenant_id)
        await connection.execute(mine.values(lease_time=text("now() - interval '1 minute'")))


async def test_runner_that_was_away_too_long_does_nothing_more(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    """It hangs between two steps until another has finished, then goes on and finds itself replaced."""
    made = await activity(sut)
    SCRIPT.close("between")
    call = asyncio.create_task(cancel(sut, made.id, "p8"))
    await SCRIPT.reached["between"].wait()
    gate = SCRIPT.gates.pop("between")
    await lapse(sut)
    assert await other.processes.resume_abandoned() == 1
    await eventually(lambda: _ended(sut))
    gate.set()
    results = await asyncio.gather(call, return_exceptions=True)
    assert isinstance(results[0], Refusal | grpc.aio.AioRpcError)
    assert await kinds(happenings) == ALL_ONCE
    assert (await cancel(sut, made.id, "p8")).state == activities.Activity.State.CANCELED


async def test_process_in_the_middle_of_a_step_is_not_taken_over(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    made = await activity(sut)
    gate = SCRIPT.close("in second")
    call = asyncio.create_task(cancel(sut, made.id, "p9"))
    await SCRIPT.reached["in second"].wait()
    await lapse(sut)
    assert await other.processes.resume_abandoned() == 0
    gate.set()
    assert (await call).state == activities.Activity.State.CANCELED
    assert await kinds(happenings) == ALL_ONCE


async def test_twin_at_another_replica_waits_for_the_one_that_runs(
    sut: Client, happenings: Happenings, other: Runtime
) -> None:
    made = await activity(sut)
    gate = SCRIPT.close("between")
    call = asyncio.create_task(cancel(sut, made.id, "p10"))
    await SCRIPT.reached["between"].wait()
    method = sut.running.method("CancelActivity")
    context = Context(principal=sut.principal, method=method.full_name, permission="", request_id="p10")
    twin = asyncio.create_task(other.processes.start(method, activities.CancelActivityRequest(id=made.id), context))
    gate.set()
    assert await twin == await call
    assert await kinds(happenings) == ALL_ONCE


async def test_draining_replica_hands_its_processes_over(sut: Client, happenings: Happenings) -> None:
    made = await activity(sut)
    SCRIPT.close("between")
    call = asyncio.create_task(cancel(sut, made.id, "p11"))
    await SCRIPT.reached["between"].wait()
    await sut.running.runtime.processes.drain()
    SCRIPT.gates["between"].set()
    await asyncio.gather(call, return_exceptions=True)
    await eventually(lambda: _ended(sut))
    assert await kinds(happenings) == ALL_ONCE


async def rebuild(client: Client, key: str = "") -> Operation:
    request = RebuildValueRequest(seller_unit_id=str(new_id()))
    started: Operation = await client.RebuildValue(request, request_id=key)
    return started


async def get(client: Client, id: str) -> Operation:
    found: Operation = await client.GetOperation(operations.GetOperationRequest(id=id))
    return found


async def in_state(client: Client, id: str, state: int) -> bool:
    return (await get(client, id)).state == state


async def test_operation_tells_its_progress_and_its_result(sut: Client) -> None:
    gate = SCRIPT.close("piece 3")
    started = await rebuild(sut)
    assert started.state == Operation.State.RUNNING
    assert started.method == "tercet.sales.v1.CustomerValueService.RebuildValue"
    await SCRIPT.reached["piece 3"].wait()
    now = await get(sut, started.id)
    assert (now.done_count, now.total_count, now.message) == (2, 5, "piece 2 done")
    gate.set()
    await eventually(lambda: in_state(sut, started.id, Operation.State.DONE))
    result = RebuildValueResponse()
    done = await get(sut, started.id)
    assert done.result.Unpack(result)
    assert (result.party_count, done.HasField("end_time")) == (5, True)


async def test_operation_can_be_cancelled(sut: Client, happenings: Happenings) -> None:
    gate = SCRIPT.close("piece 2")
    started = await rebuild(sut)
    await SCRIPT.reached["piece 2"].wait()
    assert (await sut.CancelOperation(operations.CancelOperationRequest(id=started.id))).cancel_requested
    gate.set()
    await eventually(lambda: in_state(sut, started.id, Operation.State.CANCELLED))
    assert len(await happenings("piece")) == 2


async def test_refused_operation_says_why(sut: Client) -> None:
    SCRIPT.failures["piece 1"] = ContactRefused(name="y")
    started = await rebuild(sut, "o1")
    await eventually(lambda: in_state(sut, started.id, Operation.State.REFUSED))
    refusal = await get(sut, started.id)
    assert refusal.error_reason == "CONTACT_REFUSED"
    assert refusal.error_message.startswith("y is refused")


async def test_same_request_is_the_same_operation(sut: Client) -> None:
    request = RebuildValueRequest(seller_unit_id=str(new_id()))
    first = await sut.RebuildValue(request, request_id="o2")
    assert (await sut.RebuildValue(request, request_id="o2")).id == first.id
    await eventually(lambda: in_state(sut, first.id, Operation.State.DONE))


async def test_people_see_their_own_operations(sut: Client) -> None:
    mine = await rebuild(sut)
    colleague = sut.as_(permissions={"sales.*": "all"})
    theirs = await rebuild(colleague)
    with refused("RESOURCE_NOT_FOUND"):
        await get(colleague, mine.id)
    listed = await colleague.ListOperations(operations.ListOperationsRequest())
    assert [one.id for one in listed.operations] == [theirs.id]
    assert len((await sut.ListOperations(operations.ListOperationsRequest())).operations) == 2
    await eventually(lambda: in_state(sut, theirs.id, Operation.State.DONE))
