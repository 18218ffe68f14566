"""Sessions that ended long ago are forgotten."""

from __future__ import annotations

from datetime import timedelta

from tercet_chassis import Tx, every
from tercet_gateway.access import signing, store

_KEEP = timedelta(days=30)


@every(hours=24)
async def forget_sessions(tx: Tx) -> None:
    """Removes sessions that expired or ended a month ago; until then their owners can look them up."""
    await store.forget_sessions(tx, signing.machine_now() - _KEEP)
