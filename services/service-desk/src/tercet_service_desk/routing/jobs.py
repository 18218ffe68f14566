"""What routing does by the clock."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_service_desk.routing import store
from tercet_service_desk.routing.giving import route

_AT_ONCE = 500


@every(minutes=5)
async def look_again(tx: Tx) -> None:
    """Serves who waits for a rule that asks the time, and takes up tickets older than the rules or missed by their
    events.
    """
    astray = list(await store.astray(tx, _AT_ONCE))
    standing = await store.standing(tx, ())
    if standing.rules:
        astray += await store.unrouted(tx, _AT_ONCE)
    if astray or standing.waits:
        await route(tx, astray)
