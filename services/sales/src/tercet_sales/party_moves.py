"""Which party an identity belongs to after a move, for rows that hold more than the pair the chassis keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx


async def newest_parties(tx: Tx, event: PartyMembersMoved) -> dict[UUID, UUID]:
    """The party of every identity that moved, by the newest move that is known, which may be newer than this one."""
    found: dict[UUID, UUID] = {}
    for move in sorted(event.moves, key=lambda item: item.identity_id):
        identity_id = UUID(move.identity_id)
        found[identity_id] = await tx.known.follow_move(identity_id, UUID(move.to_party_id), int(move.version))
    return found


def moved(parties: Sequence[Mapping[str, Any]], newest: Mapping[UUID, UUID]) -> list[dict[str, Any]]:
    """The parties of a deal, each under the party its identity belongs to now."""
    known = {str(identity): str(party) for identity, party in newest.items()}
    return [{**party, "party_id": known.get(party["identity_id"], party["party_id"])} for party in parties]
