"""What becomes of a reservation: made final, given back, or given back in part; each once by its key."""

from __future__ import annotations

from tercet_chassis import NotYet, Tx
from tercet_marketing.till import keeping, store
from tercet_marketing.till.errors import ReservationEnded, ReservationUnknown
from tercet_marketing.till.model import BenefitReservation, EndedBenefitKey
from tercet_marketing.till.returns import Returned

# How sales names what is kept for its orders.
OF_ORDERS = "order:"


async def confirm(tx: Tx, key: str) -> BenefitReservation:
    """Makes what is kept final, once. Refuses what was given back and what is over."""
    reservation = await _known(tx, key)
    if reservation.confirm(tx.now()):
        await keeping.confirm(tx, reservation)
    return reservation


async def release(tx: Tx, key: str) -> BenefitReservation | None:
    """Gives back exactly what was taken, once, also after it was confirmed; ends a key that is not known."""
    await tx.hold("reservation", [key])
    reservation = await store.by_key(tx, key)
    if reservation is None:
        if not await store.was_ended(tx, key):
            tx.add(EndedBenefitKey(key=key))
        return None
    if not reservation.ended:
        reservation.release(tx.now(), expired=False)
        await keeping.give_back(tx, reservation)
    return reservation


async def sold(tx: Tx, key: str) -> None:
    """The order counts. One that was cancelled since is left as it is; what is over is refused, for somebody to see."""
    reservation = await _known(tx, key)
    if reservation.state != "RELEASED":
        await confirm(tx, key)


async def take_returns(tx: Tx, key: str, back: Returned) -> None:
    """Lines of the order came back. To be told again while it is not known here that the order counts."""
    reservation = await _known(tx, key)
    if reservation.state == "RESERVED":
        raise NotYet(f"the reservation {key} is not confirmed")
    if not reservation.ended:
        await keeping.take_returns(tx, reservation, back)


async def _known(tx: Tx, key: str) -> BenefitReservation:
    reservation = await store.by_key(tx, key)
    if reservation is None:
        if await store.was_ended(tx, key):
            raise ReservationEnded(key=key)
        raise ReservationUnknown(key=key)
    return reservation
