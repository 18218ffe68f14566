"""Queries of segments, their members, and the subjects they judge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, union_all

from tercet_chassis import Tx
from tercet_chassis.conditions import own_fields
from tercet_chassis.entity import untracked, view
from tercet_chassis.scopes import reach
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments import rules
from tercet_marketing.segments.behaviour import EVERYBODY, Share
from tercet_marketing.segments.language import Fields, Judgement, Record
from tercet_marketing.segments.model import Segment, SegmentMember
from tercet_marketing.segments.rules import Asking
from tercet_marketing.segments.subjects import Subject

_LIVE = (
    "SELECT id, code, kind, condition, time_zone, version, reads, built_version, update_time, fault FROM segments "
    "WHERE subject = $1 AND state = 'LIVE' ORDER BY code"
)
_FACTS = (
    "SELECT party_id, kind, fact_time, code, amount_amount AS amount, amount_currency AS currency, product_codes "
    "FROM facts WHERE party_id = ANY($1) AND kind = ANY($2) AND NOT voided"
)
_STANDING = (
    "SELECT id, segment_id, segment_code, subject_id, state, due_time FROM segment_members WHERE subject_id = ANY($1)"
)
_MOVE = """
UPDATE segment_members AS known SET
    state = told.state,
    enter_time = CASE WHEN told.state = 'IN' AND known.state <> 'IN' THEN $2 ELSE known.enter_time END,
    leave_time = CASE WHEN told.state = 'IN' THEN NULL WHEN known.state = 'IN' THEN $2 ELSE known.leave_time END,
    enter_count = known.enter_count + CASE WHEN told.state = 'IN' AND known.state <> 'IN' THEN 1 ELSE 0 END,
    due_time = told.due_time, update_time = $2, row_version = known.row_version + 1
FROM unnest($1::uuid[], $3::text[], $4::timestamptz[]) AS told(id, state, due_time)
WHERE known.id = told.id
RETURNING known.*
"""
_DUE = (
    "SELECT member.subject_id, segment.subject, member.segment_code FROM segment_members AS member "
    "JOIN segments AS segment ON segment.tenant_id = member.tenant_id AND segment.id = member.segment_id "
    "WHERE member.due_time <= $1 AND segment.id = ANY($2) ORDER BY member.due_time LIMIT $3"
)
_TAGGING = "SELECT code, tag_code, tag_keep_days FROM segments WHERE tag_code <> '' AND state <> 'DRAFT' ORDER BY code"
_INSIDE = (
    "SELECT subject_id, segment_code FROM segment_members "
    "WHERE subject_id = ANY($1) AND segment_code = ANY($2) AND state = 'IN'"
)
_SOME_PARTIES = "SELECT party_id FROM {} TABLESAMPLE SYSTEM (1)"
_FEW, _SHARES = 1_000, 3
_WIDE_MEMORY = "SELECT set_config('work_mem', '256MB', true)"


@dataclass(frozen=True, slots=True)
class Live:
    """A live segment as judging needs it."""

    id: UUID
    code: str
    kind: str
    condition: Mapping[str, Any]
    time_zone: str
    version: int
    reads: Sequence[str]
    built_version: int
    update_time: datetime
    fault: str

    def before(self, create_time: datetime) -> bool:
        """Whether who was made then may have fitted before: everybody is being judged by what the segment says since
        it changed last, and they are older.
        """
        return self.built_version < self.version and create_time <= self.update_time


@dataclass(frozen=True, slots=True)
class Tagging:
    """A segment whose members carry a tag."""

    code: str
    tag_code: str
    tag_keep_days: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands in a segment."""

    id: UUID
    segment_id: UUID
    segment_code: str
    subject_id: UUID
    state: str
    due_time: datetime | None


async def live_segments(tx: Tx, subject: Subject) -> list[Live]:
    """The live segments of a subject, by code."""
    return [Live(**row) for row in await tx.fetch(_LIVE, subject.code)]


async def custom_fields(tx: Tx, subject: Subject, *, masks: frozenset[str] = frozenset()) -> Fields:
    """The tenant's own fields of a subject, as somebody with these masks may ask them."""
    return tuple((await own_fields(tx, subject.entity.__tablename__, masks)).items())


async def records(tx: Tx, subject: Subject, ids: Sequence[UUID], kinds: Sequence[str]) -> list[Record]:
    """Subjects with the facts of their parties."""
    columns = ", ".join(f'"{name}"' for name in subject.columns)
    rows = await tx.fetch(f"SELECT {columns} FROM {subject.entity.__tablename__} WHERE id = ANY($1)", ids)
    found = [Record(row["id"], row["identity_id"], row["party_id"], dict(row), row["create_time"]) for row in rows]
    if kinds and found:
        by_party: dict[UUID, list[Mapping[str, Any]]] = {record.party_id: record.facts for record in found}
        for record in found:
            record.facts = by_party[record.party_id]
        for fact in await tx.fetch(_FACTS, list(by_party), list(kinds)):
            by_party[fact["party_id"]].append(dict(fact))
    return found


async def standings(tx: Tx, ids: Sequence[UUID]) -> list[Standing]:
    """How these stand in all segments."""
    return [Standing(**row) for row in await tx.fetch(_STANDING, ids)]


async def add_members(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[SegmentMember]:
    """New standings; gives them as they are."""
    return [untracked(SegmentMember)(**row) for row in await tx.bulk_insert(SegmentMember, rows)]


async def move_members(tx: Tx, moves: Sequence[tuple[UUID, str, datetime | None]]) -> list[SegmentMember]:
    """Changes standings (id, state, next due time); gives them as they are."""
    if not moves:
        return []
    ids, states, dues = ([move[at] for move in moves] for at in range(3))
    return [untracked(SegmentMember)(**row) for row in await tx.fetch(_MOVE, ids, tx.now(), states, dues)]


async def due(tx: Tx, segments: Sequence[UUID], limit: int) -> list[tuple[str, UUID, str]]:
    """Subject, its id and the segment's code of the standings in these segments whose time has come, longest waiting
    first.
    """
    rows = await tx.fetch(_DUE, tx.now(), segments, limit)
    return [(row["subject"], row["subject_id"], row["segment_code"]) for row in rows]


async def of_parties(tx: Tx, subject: Subject, parties: Iterable[UUID]) -> list[UUID]:
    """The subjects that are about these parties."""
    table = subject.entity.__tablename__
    rows = await tx.fetch(f"SELECT id FROM {table} WHERE party_id = ANY($1)", sorted(set(parties)))
    return [row["id"] for row in rows]


async def after(tx: Tx, subject: Subject, last: UUID | None, limit: int) -> list[UUID]:
    """The next subjects in the order of their ids."""
    table = subject.entity.__tablename__
    first = "SELECT id FROM {} ORDER BY id LIMIT $1"
    following = "SELECT id FROM {} WHERE id > $2 ORDER BY id LIMIT $1"
    values = (limit,) if last is None else (limit, last)
    rows = await tx.fetch((first if last is None else following).format(table), *values)
    return [row["id"] for row in rows]


async def total(tx: Tx, subject: Subject) -> int:
    """How many subjects there are."""
    return int((await tx.fetch(f"SELECT count(*) FROM {subject.entity.__tablename__}"))[0][0])


async def members(tx: Tx, segment_id: UUID, limit: int) -> list[UUID]:
    """Some subjects that are in a segment or watched for it."""
    rows = await tx.fetch(
        "SELECT subject_id FROM segment_members WHERE segment_id = $1 AND (state = 'IN' OR due_time IS NOT NULL) "
        "ORDER BY subject_id LIMIT $2",
        segment_id,
        limit,
    )
    return [row["subject_id"] for row in rows]


async def member(tx: Tx, segment_id: UUID, subject_id: UUID) -> SegmentMember | None:
    """Somebody's standing in a segment."""
    query = select(SegmentMember).where(SegmentMember.segment_id == segment_id, SegmentMember.subject_id == subject_id)
    return (await tx.session.scalars(query)).one_or_none()


def visible(tx: Tx, subject: Subject) -> ColumnElement[bool]:
    """The subjects that the caller may see."""
    return reach(subject.entity, subject.table.c, tx.principal, subject.permission)


def visible_members(tx: Tx, subject: Subject) -> ColumnElement[bool]:
    """The standings of subjects that the caller may see."""
    return view(SegmentMember).c.subject_id.in_(select(subject.table.c.id).where(visible(tx, subject)))


async def within_reach(tx: Tx, subject: Subject, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that name somebody whom the caller may see."""
    query = select(subject.table.c.id).where(subject.table.c.id.in_(ids), visible(tx, subject))
    return set(await tx.session.scalars(query))


async def count_and_sample(tx: Tx, judging: Judgement, size: int) -> tuple[int, list[Any]]:
    """How many fit exactly at the moment of the judgement's clock, within the caller's reach, and some of them."""
    subject, seen = judging.subject, visible(tx, judging.subject)
    # Facts are grouped by party in memory; on disk that would take many times as long.
    await tx.fetch(_WIDE_MEMORY)
    counted = [
        select(func.count().label("fitting")).select_from(subject.table).where(judging.sql(share), seen)
        for share in await _shares(tx, judging)
    ]
    # Counted side by side: PostgreSQL gives each share to a process, where each process would group all facts.
    together = union_all(*counted).subquery()
    count = int(await tx.session.scalar(select(func.sum(together.c.fitting))) or 0)
    if not size:
        return count, []
    chosen = select(subject.table.c.id).where(judging.sql(), seen).order_by(subject.table.c.id.desc()).limit(size)
    ids = list(await tx.session.scalars(chosen))
    entity = subject.entity
    return count, list(await tx.session.scalars(select(entity).where(entity.id.in_(ids))))


async def _shares(tx: Tx, judging: Judgement) -> list[Share]:
    """Parties in shares of about one size, by a sample; all in one when no facts are asked or there are few."""
    if not rules.asked_facts(judging.reads):
        return [EVERYBODY]
    rows = await tx.fetch(_SOME_PARTIES.format(judging.subject.entity.__tablename__))
    if len(rows) < _FEW:
        return [EVERYBODY]
    some = sorted(row["party_id"] for row in rows)
    cuts = sorted({some[len(some) * number // _SHARES] for number in range(1, _SHARES)})
    return [Share(after, last) for after, last in pairwise([None, *cuts, None])]


async def tagging(tx: Tx) -> list[Tagging]:
    """The segments whose members carry a tag, ended ones among them, by code."""
    return [Tagging(**row) for row in await tx.fetch(_TAGGING)]


async def tagging_segments(tx: Tx, tag_codes: Collection[str]) -> Sequence[Segment]:
    """The live segments whose members carry one of these tags, by code."""
    query = select(Segment).where(Segment.state == "LIVE", Segment.tag_code.in_(tag_codes)).order_by(Segment.code)
    return (await tx.session.scalars(query)).all()


async def inside(tx: Tx, ids: Collection[UUID], codes: Collection[str]) -> set[tuple[UUID, str]]:
    """Which of these subjects are in which of these segments."""
    rows = await tx.fetch(_INSIDE, list(ids), list(codes))
    return {(row["subject_id"], row["segment_code"]) for row in rows}


async def profiles_held(tx: Tx, ids: Collection[UUID]) -> Sequence[Profile]:
    """Profiles as they are, held until the end of the transaction."""
    query = select(Profile).where(Profile.id.in_(ids)).order_by(Profile.id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).all()


async def asking(tx: Tx, subject_code: str) -> dict[str, Asking]:
    """What each segment of a subject that is not archived asks, and which tag its members carry."""
    rows = view(Segment)
    query = select(rows.c.code, rows.c.reads, rows.c.condition, rows.c.tag_code).where(
        rows.c.subject == subject_code, rows.c.state != "ARCHIVED"
    )
    return {
        row.code: Asking(frozenset(row.reads), rules.asked_tags(row.condition), row.tag_code)
        for row in await tx.session.execute(query)
    }


async def reads_by_code(tx: Tx, subject_code: str) -> dict[str, tuple[str, list[str]]]:
    """State and reads of each segment of a subject that is not archived."""
    rows = view(Segment)
    query = select(rows.c.code, rows.c.state, rows.c.reads).where(
        rows.c.subject == subject_code, rows.c.state != "ARCHIVED"
    )
    return {row.code: (row.state, list(row.reads)) for row in await tx.session.execute(query)}
