"""Grants end when their time is over, and codes with their batch."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tercet_chassis import Tx, every, job
from tercet_marketing.grants import store
from tercet_marketing.grants.ending import expire_due

AT_ONCE = 500
CODES_AT_ONCE = 10_000


@every(minutes=1)
async def expire_grants(tx: Tx) -> None:
    """Ends what is over; when there is more, goes on at once."""
    if await expire_due(tx, tx.now(), AT_ONCE) == AT_ONCE:
        tx.schedule(expire_more_grants, due=tx.now() + timedelta(seconds=1), key="expire-grants")


@job
async def expire_more_grants(tx: Tx) -> None:
    """Goes on where the minute's job stopped."""
    if await expire_due(tx, tx.now(), AT_ONCE) == AT_ONCE:
        tx.schedule(expire_more_grants, due=tx.now() + timedelta(seconds=1), key="expire-grants")


@job
async def end_codes(tx: Tx, batch_id: str, after: str = "") -> None:
    """Ends the codes of a batch that was ended, piece by piece; what was claimed stays."""
    last = await store.revoke_codes(tx, UUID(batch_id), UUID(after) if after else None, CODES_AT_ONCE)
    if last is not None:
        tx.schedule(end_codes, due=tx.now(), key=f"end-codes:{batch_id}", batch_id=batch_id, after=str(last))
