"""Thresholds by quantile drift with the customers, so the present period is rebuilt every night."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_sales.value import compute, store


@every(hours=24)
async def rebuild_present_periods(tx: Tx) -> None:
    """Rebuilds the period that holds today, of every unit that sold in it."""
    for unit_id in sorted(await store.active_units(tx, tx.now().date())):
        await compute.rebuild(tx, await compute.frame_of(tx, unit_id))
