"""Queries of forms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from tercet_chassis import Tx
from tercet_leads.forms.model import Form, PendingSubmission


async def by_code(tx: Tx, code: str) -> Form | None:
    """The form of that code."""
    return (await tx.session.scalars(select(Form).where(Form.code == code))).one_or_none()


async def lock_pending(tx: Tx, token_digest: str) -> PendingSubmission | None:
    """The submission that waits for this token, held until the end of the transaction."""
    query = select(PendingSubmission).where(PendingSubmission.token_digest == token_digest).with_for_update()
    return (await tx.session.scalars(query)).one_or_none()


async def forget_expired(tx: Tx, before: datetime) -> None:
    """Deletes submissions nobody confirmed: what was not consented to is not kept."""
    stale = (PendingSubmission.expire_time < before, PendingSubmission.confirm_time.is_(None))
    await tx.session.execute(delete(PendingSubmission).where(*stale).execution_options(synchronize_session=False))
