"""Relations follow the parties of both their ends."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.relations import store


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts both ends of relations under the parties their identities belong to now."""
    for identity_id, party_id in (await tx.known.follow_moves(event.moves)).newest.items():
        await store.move_identity(tx, identity_id, party_id)
