"""Queries over calendars."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_service_desk.calendars.model import Calendar


async def by_code(tx: Tx, code: str) -> Calendar | None:
    """The calendar of that code, kept from being deleted until the end of the transaction."""
    return (await tx.session.scalars(select(Calendar).where(Calendar.code == code).with_for_update(read=True))).first()


async def all_calendars(tx: Tx) -> Mapping[str, Calendar]:
    """Every calendar by its code."""
    return {calendar.code: calendar for calendar in (await tx.session.scalars(select(Calendar))).all()}


async def level_that_uses(tx: Tx, code: str) -> str | None:
    """The code of a service level that counts in the calendar."""
    # Levels stand above calendars and know them, not the other way round; of theirs only this one column is named here.
    rows = await tx.fetch("SELECT code FROM fenced.service_levels WHERE calendar_code = $1 ORDER BY code LIMIT 1", code)
    return str(rows[0]["code"]) if rows else None
