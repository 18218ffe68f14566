"""The parties on opportunities follow merges and splits."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.opportunities import store
from tercet_sales.party_moves import moved, newest_parties


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts the parties on opportunities under the parties their identities belong to now."""
    newest = await newest_parties(tx, event)
    for opportunity in await store.with_parties(tx, newest):
        parties = moved(opportunity.parties, newest)
        if parties != opportunity.parties:
            opportunity.parties = parties
