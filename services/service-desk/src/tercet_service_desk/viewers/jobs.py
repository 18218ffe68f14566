"""What happens to viewers by the clock."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_service_desk.viewers import store


@every(hours=1)
async def forget_viewers(tx: Tx) -> None:
    """Removes the rows of those who closed their browsers without a word."""
    await store.forget(tx)
