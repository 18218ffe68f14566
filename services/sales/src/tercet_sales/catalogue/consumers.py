"""Price books made for one party follow it through merges and splits."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.catalogue import store


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts price books under the parties that the identities they serve belong to now."""
    for identity_id, party_id in (await tx.known.follow_moves(event.moves)).newest.items():
        await store.move_served_party(tx, identity_id, party_id)
