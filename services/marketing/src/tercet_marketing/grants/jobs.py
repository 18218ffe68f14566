"""Grants end when their time is over."""

from __future__ import annotations

from datetime import timedelta

from tercet_chassis import Tx, every, job
from tercet_marketing.grants.ending import expire_due

AT_ONCE = 500


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
