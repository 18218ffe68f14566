"""What follows the clock: standings whose time has come, and building a segment piece by piece."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx, every, job
from tercet_marketing.segments import store
from tercet_marketing.segments.judge import Judged, faults, judge, release
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.subjects import subjects

PIECE = 500
DUE_AT_ONCE = 1_000


@every(seconds=15)
async def follow_time(tx: Tx) -> None:
    """Judges whose time has come."""
    await follow_due(tx)


@job
async def follow_due(tx: Tx) -> None:
    """Judges those whose time has come; when there are more, again at once."""
    known = await faults(tx, subjects().values())
    for live, fault in known:
        if fault != live.fault:
            await _note(tx, live.id, fault)
    # What cannot be judged, as it asks a field that was taken away, must not stand in the way of the rest.
    waiting = await store.due(tx, [live.id for live, fault in known if not fault], DUE_AT_ONCE)
    grouped: dict[str, tuple[set[UUID], set[str]]] = defaultdict(lambda: (set(), set()))
    for subject, subject_id, code in waiting:
        ids, codes = grouped[subject]
        ids.add(subject_id)
        codes.add(code)
    for subject, (ids, codes) in sorted(grouped.items()):
        await judge(tx, subjects()[subject], ids, codes=codes)
    if len(waiting) == DUE_AT_ONCE:
        tx.schedule(follow_due, due=tx.now(), key="segments:due")


async def _note(tx: Tx, segment_id: UUID, fault: str) -> None:
    """Shows on a segment why it cannot be judged; once it can again, everybody is, for what was missed."""
    segment = await tx.get(Segment, segment_id, lock=True)
    segment.fault = fault
    tx.emit(events.SegmentUpdated, segment)
    if not fault:
        begin_building(tx, segment)


def begin_building(tx: Tx, segment: Segment) -> None:
    """Has everybody judged by what a segment says now."""
    arguments = {"segment_id": str(segment.id), "version": segment.version}
    tx.schedule(build_segment, due=tx.now(), key=f"segments:build:{segment.id}", **arguments)


@job
async def build_segment(tx: Tx, segment_id: str, version: int, last: str = "") -> None:
    """Judges the next piece of all subjects by a segment, then the one after it; ends when the segment has moved on."""
    segment = await tx.find(Segment, segment_id)
    if segment is None or segment.state != "LIVE" or segment.version != version or segment.fault:
        return
    following, _ = await build_piece(tx, segment, last)
    if following:
        arguments = {"segment_id": segment_id, "version": version, "last": following}
        tx.schedule(build_segment, due=tx.now(), key=f"segments:build:{segment_id}", **arguments)
    else:
        segment.built(version, tx.now())


@job
async def empty_segment(tx: Tx, segment_id: str) -> None:
    """Has the members of an ended segment leave, piece by piece."""
    segment = await tx.find(Segment, segment_id)
    if segment is None or segment.state != "ARCHIVED":
        return
    piece = await store.members(tx, segment.id, PIECE)
    await release(tx, segment.id, piece)
    if len(piece) == PIECE:
        tx.schedule(empty_segment, due=tx.now(), key=f"segments:empty:{segment_id}", segment_id=segment_id)


async def build_piece(tx: Tx, segment: Segment, last: str) -> tuple[str, Judged]:
    """Judges the subjects behind `last`; gives the last of them, empty at the end."""
    subject = subjects()[segment.subject]
    ids = await store.after(tx, subject, UUID(last) if last else None, PIECE)
    judged = await judge(tx, subject, ids, codes=[segment.code])
    return (str(ids[-1]) if len(ids) == PIECE else ""), judged
