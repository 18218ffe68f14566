"""Customers follow their parties: those of one party in one unit are marked, and joined ones part with them."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.mergers import joining


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Parts joined customers whose parties differ again, and marks those of which a unit has two."""
    newest, parties = await tx.known.follow_moves(event.moves)
    await joining.part_strangers(tx, newest.keys())
    await joining.mark_doubles(tx, parties)
