"""What follows the clock: parties whose time has come, and building a lifecycle piece by piece."""

from __future__ import annotations

from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx, every, job
from tercet_marketing.lifecycle import store
from tercet_marketing.lifecycle.judge import faults, judge
from tercet_marketing.lifecycle.model import LIVE, Lifecycle
from tercet_marketing.profiles.store import showing_a_stage, showing_otherwise
from tercet_marketing.segments.store import after
from tercet_marketing.segments.subjects import PROFILE

PIECE = 500


@every(seconds=15)
async def follow_time(tx: Tx) -> None:
    """Judges whose time has come."""
    await follow_due(tx)


@job
async def follow_due(tx: Tx) -> None:
    """Judges those whose time has come; when there are more, again at once."""
    known = await faults(tx)
    for live, fault in known:
        if fault != live.fault:
            await _note(tx, live.id, fault)
    # What cannot be judged, as it asks a field that was taken away, must not stand in the way of the rest.
    waiting = await store.due(tx, [live.id for live, fault in known if not fault], PIECE)
    await judge(tx, waiting)
    if len(waiting) == PIECE:
        tx.schedule(follow_due, due=tx.now(), key="lifecycle:due")


async def _note(tx: Tx, lifecycle_id: UUID, fault: str) -> None:
    """Shows on a lifecycle why it cannot be judged; once it can again, everybody is, for what was missed."""
    lifecycle = await tx.get(Lifecycle, lifecycle_id, lock=True)
    lifecycle.fault = fault
    tx.emit(events.LifecycleUpdated, lifecycle)
    if not fault:
        begin_building(tx, lifecycle)


def begin_building(tx: Tx, lifecycle: Lifecycle) -> None:
    """Has everybody judged by what a lifecycle says now."""
    arguments = {"lifecycle_id": str(lifecycle.id), "version": lifecycle.version}
    tx.schedule(build_lifecycle, due=tx.now(), key=f"lifecycle:build:{lifecycle.id}", **arguments)


@job
async def build_lifecycle(tx: Tx, lifecycle_id: str, version: int, last: str = "") -> None:
    """Judges the next piece of all profiles by a lifecycle, then the one after it; ends when it has moved on."""
    lifecycle = await tx.find(Lifecycle, lifecycle_id)
    if lifecycle is None or lifecycle.state != LIVE or lifecycle.version != version or lifecycle.fault:
        return
    following, _, _ = await build_piece(tx, lifecycle, last)
    if following:
        arguments = {"lifecycle_id": lifecycle_id, "version": version, "last": following}
        tx.schedule(build_lifecycle, due=tx.now(), key=f"lifecycle:build:{lifecycle_id}", **arguments)
    else:
        lifecycle.built(version, tx.now())


@job
async def show_none(tx: Tx) -> None:
    """Has profiles show no stage any more, piece by piece, unless another lifecycle is shown by now."""
    if any(live.shown_on_profiles for live in await store.live(tx)):
        return
    stages = await showing_a_stage(tx, PIECE)
    for profile in await showing_otherwise(tx, stages) if stages else ():
        if profile.take_stage(""):
            tx.emit(events.ProfileUpdated, profile)
    if stages:
        tx.schedule(show_none, due=tx.now(), key="lifecycle:show_none")


async def build_piece(tx: Tx, lifecycle: Lifecycle, last: str) -> tuple[str, int, int]:
    """Judges the parties of the profiles behind `last`; gives the last of them, empty at the end, how many profiles
    that were and how many parties moved.
    """
    ids = await after(tx, PROFILE, UUID(last) if last else None, PIECE)
    moved = await judge(tx, await store.parties_of(tx, ids), codes=[lifecycle.code])
    return (str(ids[-1]) if len(ids) == PIECE else ""), len(ids), moved
