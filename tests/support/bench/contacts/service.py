"""A unit, a process with undoing, and an operation."""

from __future__ import annotations

from support.bench.contacts.jobs import note_later
from support.bench.contacts.model import Activity, Happening
from support.bench.contacts.script import SCRIPT
from tercet.sales.v1.activity_service_pb2 import Activity as ActivityMessage
from tercet.sales.v1.activity_service_pb2 import CancelActivityRequest, CompleteActivityRequest
from tercet.sales.v1.value_service_pb2 import RebuildValueRequest, RebuildValueResponse
from tercet_chassis import Handlers, InSteps, Process, Tx


class ActivityService(Handlers):
    """Serves tercet.sales.v1.ActivityService."""

    async def CompleteActivity(self, request: CompleteActivityRequest, tx: Tx) -> Activity:
        """Marks it done and leaves a happening; the request is changed on purpose."""
        activity = await tx.get(Activity, request.id)
        request.id = ""
        if activity.title == "in steps":
            activity.title = "in vain"
            await tx.flush()
            raise InSteps
        await SCRIPT.at(f"complete {activity.title}")
        activity.state, activity.done_time = "DONE", tx.now()
        activity.edit_count += 1
        tx.add(Happening(kind="completed", note=activity.title))
        tx.schedule(note_later, due=tx.now(), key=f"completed:{activity.id}", word=activity.title)
        return activity

    async def CompleteActivityInSteps(self, request: CompleteActivityRequest, process: Process) -> ActivityMessage:
        """One step, for what the unit does not do alone."""
        answer: ActivityMessage = await process.step("first", _first, request.id)
        return answer

    async def CancelActivity(self, request: CancelActivityRequest, process: Process) -> ActivityMessage:
        """Three steps; the first two can be undone."""
        await process.step("first", _first, request.id, undo=_undo_first)
        await SCRIPT.at("between")
        await process.step("second", _second, request.id, undo=_undo_second)
        await SCRIPT.at("before third")
        answer: ActivityMessage = await process.step("third", _third, request.id)
        return answer


class CustomerValueService(Handlers):
    """Serves tercet.sales.v1.CustomerValueService."""

    async def RebuildValue(self, request: RebuildValueRequest, process: Process) -> RebuildValueResponse:
        """Five pieces with progress."""
        for number in range(1, 6):
            await process.step(f"piece {number}", _piece, number)
            await SCRIPT.at(f"piece {number}")
            await process.progress(number, 5, f"piece {number} done")
        return RebuildValueResponse(party_count=5)


async def _first(tx: Tx, id: str) -> Activity:
    await SCRIPT.at("in first")
    tx.add(Happening(kind="first", note=id))
    activity = await tx.get(Activity, id)
    activity.next_step = "first"
    return activity


async def _undo_first(tx: Tx, id: str) -> None:
    tx.add(Happening(kind="undo first", note=id))
    activity = await tx.get(Activity, id)
    activity.next_step = ""


async def _second(tx: Tx, id: str) -> dict[str, str]:
    await SCRIPT.at("in second")
    tx.add(Happening(kind="second", note=id))
    return {"id": id}


async def _undo_second(tx: Tx, id: str) -> None:
    tx.add(Happening(kind="undo second", note=id))


async def _third(tx: Tx, id: str) -> Activity:
    await SCRIPT.at("in third")
    tx.add(Happening(kind="third", note=id))
    activity = await tx.get(Activity, id)
    activity.state = "CANCELED"
    return activity


async def _piece(tx: Tx, number: int) -> int:
    tx.add(Happening(kind="piece", note=str(number)))
    return number
