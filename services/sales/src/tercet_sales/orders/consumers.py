"""The parties on orders follow merges and splits."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.orders.model import Order
from tercet_sales.pricing.store import move_parties


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts everyone with a part in orders under the party that their identity belongs to now."""
    await move_parties(tx, Order, event)
