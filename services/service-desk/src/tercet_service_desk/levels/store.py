"""Queries over service levels, and the book of all that are in force, kept in memory until a row of it changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.conditions import own_fields
from tercet_conditions import Condition, Facts
from tercet_service_desk.calendars.rules import AROUND_THE_CLOCK
from tercet_service_desk.calendars.store import all_calendars
from tercet_service_desk.levels.facts import TICKETS, value_at
from tercet_service_desk.levels.model import ServiceLevel
from tercet_service_desk.levels.rules import Level

log = structlog.get_logger(__name__)
_TENANTS_KEPT = 500
# Changes whenever a level, a calendar or a custom field of tickets does.
_STAMP = (
    "SELECT md5(coalesce((SELECT string_agg(id::text || row_version, ',' ORDER BY id) FROM fenced.service_levels), '')"
    " || ';' || coalesce((SELECT string_agg(id::text || row_version, ',' ORDER BY id) FROM fenced.calendars), ''))"
    " AS stamp"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A level in force."""

    level: Level
    display_name: str
    precedence: int
    condition: Condition


@dataclass(frozen=True, slots=True)
class Book:
    """The levels in force, in the order in which they are asked. `paths` is what their conditions read."""

    stamp: str
    entries: tuple[Entry, ...]
    paths: frozenset[str]

    def choose(self, facts: Facts) -> Level | None:
        """The first level whose condition holds."""
        return next((entry.level for entry in self.entries if entry.condition.holds(facts)), None)

    def level(self, code: str) -> Level | None:
        """The level of that code, when it is in force."""
        return next((entry.level for entry in self.entries if entry.level.code == code), None)

    def touched(self, before: Facts, after: Facts) -> bool:
        """Whether a change concerns anything that a condition reads."""
        return any(value_at(before, path) != value_at(after, path) for path in self.paths)


_books: OrderedDict[UUID, Book] = OrderedDict()


async def book(tx: Tx) -> Book:
    """The tenant's levels as they stand."""
    stamp = str((await tx.fetch(_STAMP))[0]["stamp"])
    known = _books.get(tx.tenant_id)
    if known is None or known.stamp != stamp:
        known = _books[tx.tenant_id] = await _read(tx, stamp)
        if len(_books) > _TENANTS_KEPT:
            _books.popitem(last=False)
    _books.move_to_end(tx.tenant_id)
    return known


async def _read(tx: Tx, stamp: str) -> Book:
    query = (
        select(ServiceLevel)
        .where(ServiceLevel.active.is_(True))
        .order_by(ServiceLevel.precedence, ServiceLevel.code.collate("C"))
    )
    levels = (await tx.session.scalars(query)).all()
    calendars = {code: calendar.working_time() for code, calendar in (await all_calendars(tx)).items()}
    custom = await own_fields(tx, "tickets")
    entries = []
    for row in levels:
        try:
            understood = TICKETS.condition(row.condition or "", custom)
        except ValueError as wrong:
            # A custom field it reads was taken away since: the level fits nobody until it is corrected.
            log.warning("service_level.condition_unreadable", code=row.code, cause=type(wrong).__name__)
            continue
        calendar = calendars.get(row.calendar_code) if row.calendar_code else AROUND_THE_CLOCK
        if calendar is None:
            # Made since the calendars were read a moment ago: the next look finds another stamp and reads all again.
            continue
        entries.append(Entry(row.level(calendar), row.display_name, row.precedence, understood))
    return Book(stamp, tuple(entries), frozenset().union(*(entry.condition.paths for entry in entries)))
