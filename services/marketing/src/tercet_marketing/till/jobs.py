"""What is kept for an order and neither confirmed nor released is given back at its time."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis import Tx, job
from tercet_marketing.till import keeping, store


@job
async def release_overdue(tx: Tx, reservation_id: str) -> None:
    """Gives back a reservation whose time is over; one that was confirmed or released meanwhile is left as it is."""
    reservation = await store.by_id(tx, UUID(reservation_id))
    if reservation is None or reservation.state != "RESERVED" or reservation.expire_time > tx.now():
        return
    reservation.release(tx.now(), expired=True)
    await keeping.give_back(tx, reservation)
