"""Holds end at their time."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_marketing.ledgers import store

_AT_ONCE = 500


@every(minutes=5)
async def expire_holds(tx: Tx) -> None:
    """Gives back what is held beyond its time. Whoever needs it sooner gets it at once: a posting that finds too little
    looks for such holds itself.
    """
    while await store.expire_holds(tx, _AT_ONCE) == _AT_ONCE:
        pass
