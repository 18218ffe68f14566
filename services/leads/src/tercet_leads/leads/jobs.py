"""What happens to leads by the clock: owners are warned, and what they do not follow up goes back to its pool."""

from __future__ import annotations

from datetime import timedelta

from tercet.leads.v1 import events_pb2 as events
from tercet_chassis import Tx, every
from tercet_leads.leads import owning, store
from tercet_leads.pools import store as pool_store

_BATCH = 500


@every(minutes=5)
async def warn_and_recycle(tx: Tx) -> None:
    """Warns owners whose lead goes back soon, once a lead, and takes back what is due."""
    for pool in await pool_store.all_pools(tx):
        if not pool.recycle_hours or not pool.warn_hours:
            continue
        for lead in await store.due_for_warning(tx, tx.now() + timedelta(hours=pool.warn_hours), [pool.code], _BATCH):
            lead.recycle_warned = True
            owning.note(tx, lead, "WARNED", lead.owner_id, "")
            tx.emit(events.LeadRecycleWarned, lead)
    for lead in await store.due_for_recycling(tx, tx.now(), _BATCH):
        previous = lead.release(lead.pool_code, "not followed up in time")
        await owning.hand_over(tx, lead, "RECYCLED", previous, "not followed up in time")
        tx.emit(events.LeadRecycled, lead, previous_owner_id=previous)
