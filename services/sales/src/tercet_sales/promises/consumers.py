"""Service tells which promises it has kept."""

from __future__ import annotations

from uuid import UUID

from tercet.sales.v1 import events_pb2 as sales
from tercet.servicedesk.v1.events_pb2 import TicketPromiseKept
from tercet_chassis import Tx, effect
from tercet_sales.promises.model import Promise


@effect(TicketPromiseKept)
async def keep_promise(event: TicketPromiseKept, tx: Tx) -> None:
    """It was done on a ticket; one that was kept or withdrawn meanwhile stays as it is."""
    promise = await tx.find(Promise, event.promise_id, lock=True)
    if promise is not None and promise.state == "OPEN":
        promise.end("KEPT", tx.now(), UUID(event.ticket.id))
        tx.emit(sales.PromiseKept, promise)
