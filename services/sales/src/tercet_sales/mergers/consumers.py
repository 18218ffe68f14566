"""Customers follow their parties: those of one party in one unit are marked, and joined ones part with them."""

from __future__ import annotations

from uuid import UUID

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.mergers import joining
from tercet_sales.party_moves import newest_parties


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Parts joined customers whose parties differ again, and marks those of which a unit has two."""
    newest = await newest_parties(tx, event)
    await joining.part_strangers(tx, newest.keys())
    left = {UUID(move.from_party_id) for move in event.moves if move.from_party_id}
    await joining.mark_doubles(tx, {*newest.values(), *left})
