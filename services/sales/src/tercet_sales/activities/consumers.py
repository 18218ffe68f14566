"""Activities follow a customer that goes to another owner with its open work."""

from __future__ import annotations

from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, effect
from tercet_sales.activities import store


@effect(events.CustomerTransferred)
async def follow_owner(event: events.CustomerTransferred, tx: Tx) -> None:
    """Gives the old owner's open activities about the customer to the new one, when the transfer asked for it."""
    if not event.with_open_work or not event.previous_owner_id:
        return
    for activity in await store.open_work(tx, UUID(event.customer.party_id), UUID(event.previous_owner_id)):
        activity.owner_id = UUID(event.customer.owner_id)
        tx.emit(events.ActivityUpdated, activity)
