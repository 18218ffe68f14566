"""Who is in which segment, worked out for some subjects at once. Everything that changes a standing comes through here.

Subjects are held first and read afterwards, so of two who judge the same one the later sees what the earlier could not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx, derived_id
from tercet_conditions import ConditionError
from tercet_marketing.segments import rules, store
from tercet_marketing.segments.language import Fields, Judgement, Record, judgement
from tercet_marketing.segments.model import SegmentMember
from tercet_marketing.segments.store import Live, Standing
from tercet_marketing.segments.subjects import Subject

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Judged:
    """What judging has changed."""

    count: int = 0
    entered: int = 0
    left: int = 0


async def judge(
    tx: Tx,
    subject: Subject,
    ids: Iterable[UUID],
    *,
    codes: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
) -> Judged:
    """Judges subjects by all live segments, by those of `codes`, or by those that count facts of `kinds`, and by
    whatever asks these; tells who enters and who leaves.
    """
    given = sorted(set(ids))
    if not given:
        return Judged()
    await tx.hold("segments", given)
    plan = await _plan(tx, subject, codes, kinds)
    if not plan:
        return Judged()
    facts = sorted({kind for _, judging in plan for kind in rules.asked_facts(judging.reads)})
    records = await store.records(tx, subject, given, facts)
    known = {(row.segment_id, row.subject_id): row for row in await store.standings(tx, given)}
    by_id = {record.id: record for record in records}
    for row in known.values():
        if row.state == "IN" and row.subject_id in by_id:
            by_id[row.subject_id].segments.add(row.segment_code)
    changes = _Changes()
    for segment, judging in plan:
        judging.at(tx.now())
        for record in records:
            changes.take(segment, record, known.get((segment.id, record.id)), judging)
    return await changes.write(tx, len(records))


async def put(tx: Tx, segment_id: UUID, code: str, subject: Subject, ids: Sequence[UUID], *, inside: bool) -> Judged:
    """Puts subjects into a static segment or takes them out, and judges whatever asks it."""
    await tx.hold("segments", ids)
    known = {row.subject_id: row for row in await store.standings(tx, ids) if row.segment_id == segment_id}
    changes = _Changes()
    for record in await store.records(tx, subject, sorted(set(ids)), ()):
        changes.stand(segment_id, code, record, known.get(record.id), inside, None)
    judged = await changes.write(tx, len(ids))
    await judge(tx, subject, ids, codes=[code])
    return judged


async def release(tx: Tx, segment_id: UUID, ids: Sequence[UUID]) -> Judged:
    """Takes members out of a segment that has ended; nothing is due for them any more."""
    await tx.hold("segments", ids)
    changes = _Changes()
    for row in await store.standings(tx, ids):
        if row.segment_id == segment_id:
            changes.moves.append((row.id, "OUT", None))
            if row.state == "IN":
                changes.turned.add(row.id)
    return await changes.write(tx, len(ids))


async def forget(tx: Tx, ids: Sequence[UUID]) -> None:
    """Takes subjects that are no more out of all segments."""
    await tx.hold("segments", ids)
    for segment_id in sorted({row.segment_id for row in await store.standings(tx, ids)}):
        await release(tx, segment_id, ids)


async def _plan(
    tx: Tx, subject: Subject, codes: Collection[str] | None, kinds: Collection[str] | None
) -> list[tuple[Live, Judgement]]:
    """The segments to judge by, each after those it asks."""
    live = {segment.code: segment for segment in await store.live_segments(tx, subject)}
    dynamic = {code: segment for code, segment in live.items() if segment.kind == "DYNAMIC"}
    if codes is not None:
        wanted: Iterable[str] = codes
    elif kinds is not None:
        asked = set(kinds)
        wanted = [code for code, segment in dynamic.items() if asked & rules.asked_facts(segment.reads)]
    else:
        wanted = dynamic
    ordered = rules.in_order({code: rules.asked_segments(one.reads) for code, one in dynamic.items()}, wanted)
    if not ordered:
        return []
    own = await store.custom_fields(tx, subject)
    read = ((dynamic[code], _read(subject, dynamic[code], own)) for code in ordered)
    # Of one that cannot be read the members stay as they are, the others go on.
    return [(segment, judging) for segment, judging in read if not isinstance(judging, str)]


async def faults(tx: Tx, subjects: Iterable[Subject]) -> list[tuple[Live, str]]:
    """The live segments of these subjects whose members come by a condition, each with why nobody can be judged by it;
    empty when everybody can.
    """
    found: list[tuple[Live, str]] = []
    for subject in subjects:
        own = await store.custom_fields(tx, subject)
        for segment in await store.live_segments(tx, subject):
            if segment.kind == "DYNAMIC":
                judging = _read(subject, segment, own)
                found.append((segment, judging if isinstance(judging, str) else ""))
    return found


def _read(subject: Subject, segment: Live, own: Fields) -> Judgement | str:
    try:
        return judgement(subject, segment.condition, segment.time_zone, own)
    except ConditionError as wrong:
        # It asks what was there when it was saved and is no more.
        log.warning("segments.condition_broken", segment=segment.code, cause=str(wrong))
        return str(wrong)


class _Changes:
    """What is to be written of one judging."""

    def __init__(self) -> None:
        self.fresh: list[dict[str, Any]] = []
        self.moves: list[tuple[UUID, str, datetime | None]] = []
        self.turned: set[UUID] = set()
        self.initial: set[UUID] = set()

    def take(self, segment: Live, record: Record, known: Standing | None, judging: Judgement) -> None:
        """Judges one record by one segment; those after it see the outcome."""
        inside = judging.holds(record)
        if inside:
            record.segments.add(segment.code)
        else:
            record.segments.discard(segment.code)
        self.stand(segment.id, segment.code, record, known, inside, judging.due(record))
        if segment.before(record.create_time):
            self.initial.add(_standing_id(segment.id, record))

    def stand(
        self, segment_id: UUID, code: str, record: Record, known: Standing | None, inside: bool, due: datetime | None
    ) -> None:
        """Notes how a record stands now, when that differs from what is known."""
        state = "IN" if inside else "OUT"
        if known is not None:
            if (known.state, known.due_time) != (state, due):
                self.moves.append((known.id, state, due))
            if known.state != state:
                self.turned.add(known.id)
        elif inside or due is not None:
            row = {
                "id": _standing_id(segment_id, record),
                "identity_id": record.identity_id,
                "party_id": record.party_id,
                "segment_id": segment_id,
                "segment_code": code,
                "subject_id": record.id,
                "state": state,
                "leave_time": None,
                "due_time": due,
            }
            self.fresh.append(row)
            if inside:
                self.turned.add(row["id"])  # type: ignore[arg-type]

    async def write(self, tx: Tx, count: int) -> Judged:
        """Writes the standings and tells who entered and left."""
        now, judged = tx.now(), Judged(count)
        for row in self.fresh:
            entered = row["state"] == "IN"
            row |= {"enter_time": now if entered else None, "enter_count": int(entered)}
        changed = [*await store.add_members(tx, self.fresh), *await store.move_members(tx, self.moves)]
        for member in changed:
            if member.id in self.turned:
                self._tell(tx, member, judged)
        return judged

    def _tell(self, tx: Tx, member: SegmentMember, judged: Judged) -> None:
        if member.state == "IN":
            judged.entered += 1
            tx.emit(events.SegmentEntered, member, initial=member.id in self.initial)
        else:
            judged.left += 1
            tx.emit(events.SegmentLeft, member)


def _standing_id(segment_id: UUID, record: Record) -> UUID:
    return derived_id("segment_member", segment_id, record.id)
