"""Sales announces what it has promised."""

from __future__ import annotations

from datetime import UTC, date
from uuid import UUID

from tercet.sales.v1.events_pb2 import PromiseKept, PromiseMade, PromiseUpdated, PromiseWithdrawn
from tercet.sales.v1.promise_service_pb2 import Promise
from tercet_chassis import Tx, projection
from tercet_service_desk.promised.model import PromisedItem


@projection(PromiseMade, PromiseUpdated, PromiseKept, PromiseWithdrawn)
async def follow_promise(event: PromiseMade | PromiseUpdated | PromiseKept | PromiseWithdrawn, tx: Tx) -> None:
    """Knows the promise as it is now; what was done here stays done."""
    promise = event.promise
    item = await tx.find(PromisedItem, promise.id, lock=True)
    if item is None:
        identity_id = UUID(promise.identity_id)
        item = tx.add(PromisedItem(id=UUID(promise.id), identity_id=identity_id, party_id=UUID(promise.party_id)))
    item.text, item.state = promise.text, Promise.State.Name(promise.state)
    item.due_date = date.fromisoformat(promise.due_date) if promise.due_date else None
    item.order_id = UUID(promise.order_id) if promise.order_id else None
    item.promised_by_id = UUID(promise.owner_id) if promise.owner_id else None
    if promise.state == Promise.KEPT and item.keep_time is None:
        item.keep_time = promise.end_time.ToDatetime(tzinfo=UTC)
