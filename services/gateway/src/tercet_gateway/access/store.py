"""Queries of sessions and API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_gateway.access.model import ACTIVE, ApiKey, Session

_USE_NOTED_EVERY = timedelta(minutes=1)


async def session(tx: Tx, id: str) -> Session | None:
    """The session of a verified token."""
    return (await tx.session.scalars(select(Session).where(Session.id == UUID(id)))).one_or_none()


async def api_key(tx: Tx, id: UUID) -> ApiKey | None:
    """The API key of that id."""
    return (await tx.session.scalars(select(ApiKey).where(ApiKey.id == id))).one_or_none()


def sessions_of(user_id: UUID | None) -> list[object]:
    """The condition that a list of sessions shows one user's only."""
    return [view(Session).c.user_id == user_id]


async def note_use(tx: Tx, key: ApiKey, now: datetime) -> None:
    """Remembers that the key was used, to the minute, without a new version of it."""
    stale = or_(ApiKey.last_use_time.is_(None), ApiKey.last_use_time < now - _USE_NOTED_EVERY)
    query = update(ApiKey).where(ApiKey.id == key.id, ApiKey.state == ACTIVE, stale).values(last_use_time=now)
    await tx.session.execute(query.execution_options(synchronize_session=False))


async def forget_sessions(tx: Tx, before: datetime) -> None:
    """Removes sessions that expired before a time, or ended and were not renewed since."""
    over = or_(Session.expire_time < before, and_(Session.state != ACTIVE, Session.refresh_time < before))
    await tx.session.execute(delete(Session).where(over).execution_options(synchronize_session=False))
