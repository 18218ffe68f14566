"""Writing down what was decided about parties, and doing it: every row of this service moves, everybody is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_leads.identity.model import Identity, PartyDecision


def links_of(identities: Iterable[Identity]) -> dict[str, Any]:
    """Each identity's link as it is, so that undoing a move leaves nothing behind."""
    return {
        str(identity.id): {"link_state": identity.link_state, "decided_by": identity.decided_by}
        for identity in identities
    }


async def decide(
    tx: Tx, kind: str, party_id: UUID, reason: str, moves: Sequence[dict[str, Any]], links: dict[str, Any] | None = None
) -> PartyDecision:
    """Writes the decision down, applies its moves to this service's rows and tells them to everybody."""
    told: list[dict[str, Any]] = [
        {name: value if isinstance(value, int) else str(value) for name, value in move.items()} for move in moves
    ]
    decision = tx.add(
        PartyDecision(
            id=new_id(),
            kind=kind,
            party_id=party_id,
            reason=reason,
            decide_time=tx.now(),
            decided_by=str(tx.principal.subject),
            moves=told,
            links_before=links or {},
        )
    )
    await tx.flush()
    for move in moves:
        await tx.known.follow_move(move["identity_id"], move["to_party_id"], move["version"])
    if told:
        tx.emit(
            events.PartyMembersMoved, None, moves=[PartyMove(**move) for move in told], decision_id=str(decision.id)
        )
    return decision
