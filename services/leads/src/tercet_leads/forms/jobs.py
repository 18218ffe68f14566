"""Submissions nobody confirmed are forgotten."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_leads.forms import store


@every(hours=6)
async def forget_unconfirmed(tx: Tx) -> None:
    """Deletes what was never confirmed."""
    await store.forget_expired(tx, tx.now())
