"""Queries of the source tree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.ids import new_id
from tercet_leads.sources.model import Source
from tercet_leads.sources.rules import UNKNOWN
from tercet_leads.touches.model import Touch

_NOTE = (
    "INSERT INTO unknown_sources (tenant_id, id, create_time, update_time, row_version, code, day) "
    "SELECT $1, n.id, $5, $5, 1, n.code, $4 FROM unnest($2::uuid[], $3::text[]) AS n(id, code) "
    "ON CONFLICT DO NOTHING RETURNING code"
)
# What this process saw written down: tenant, day and code.
_noted: set[tuple[UUID, date, str]] = set()
_MOST_NOTED = 10_000


async def by_code(tx: Tx, code: str) -> Source | None:
    """The source of that code."""
    return (await tx.session.scalars(select(Source).where(Source.code == code))).one_or_none()


async def all_sources(tx: Tx) -> Sequence[Source]:
    """The whole tree; a tenant has hundreds, not millions."""
    return (await tx.session.scalars(select(Source))).all()


async def has_children(tx: Tx, code: str) -> bool:
    """Whether sources stand below it."""
    return (await tx.session.scalar(select(Source.id).where(Source.parent_code == code).limit(1))) is not None


async def below(tx: Tx, path: str) -> Sequence[Source]:
    """Every source of the branch but its root."""
    return (
        await tx.session.scalars(
            select(Source).where(Source.path.startswith(path, autoescape=True), Source.path != path)
        )
    ).all()


async def mark_used(tx: Tx, codes: Sequence[str]) -> None:
    """Remembers that touches came from these sources; writes nothing once that is known."""
    await tx.session.execute(
        update(Source)
        .where(Source.code.in_(codes), Source.used.is_(False))
        .values(used=True, row_version=Source.row_version + 1, update_time=tx.now())
        .execution_options(synchronize_session=False)
    )


async def ensure_unknown(tx: Tx) -> Source:
    """The source `unknown`, made when the tenant meets its first unknown code."""
    found = await by_code(tx, UNKNOWN)
    if found is not None:
        return found
    row = {
        "tenant_id": tx.tenant_id,
        "id": new_id(),
        "create_time": tx.now(),
        "update_time": tx.now(),
        "row_version": 1,
        "custom": {},
        "code": UNKNOWN,
        "display_name": "未知来源 Unknown",
        "kind": "OTHER",
        "parent_code": "",
        "path": f"{UNKNOWN}/",
        "level": 1,
        "used": True,
        "search": [],
    }
    await tx.session.execute(insert(Source.__table__).values(row).on_conflict_do_nothing())
    made = await by_code(tx, UNKNOWN)
    assert made is not None
    return made


async def note_unknown(tx: Tx, codes: Collection[str], day: date) -> list[str]:
    """Those of the codes that come for the first time that day; nothing is asked or written once that is known."""
    fresh = sorted({code for code in codes if (tx.tenant_id, day, code) not in _noted})
    if not fresh:
        return []
    rows = await tx.fetch(_NOTE, tx.tenant_id, [new_id() for _ in fresh], fresh, day, tx.now())

    def remember() -> None:
        if len(_noted) > _MOST_NOTED:
            _noted.clear()
        _noted.update((tx.tenant_id, day, code) for code in fresh)

    tx.after_commit(remember)
    return [row[0] for row in rows]


async def unknown_codes(tx: Tx) -> Sequence[Any]:
    """Codes that touches named and no source has: code, touches, first and last time; most frequent first."""
    touches = view(Touch)
    count = func.count().label("touches")
    query = (
        select(touches.c.source_given, count, func.min(touches.c.occur_time), func.max(touches.c.occur_time))
        .where(touches.c.source_code == UNKNOWN, touches.c.source_given != "")
        .group_by(touches.c.source_given)
        .order_by(count.desc(), touches.c.source_given)
        .limit(500)
    )
    return (await tx.session.execute(query)).all()
