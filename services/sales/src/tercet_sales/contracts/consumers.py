"""The parties on contracts follow merges and splits."""

from __future__ import annotations

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_sales.contracts.model import Contract
from tercet_sales.pricing.store import move_parties


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts everyone with a part in contracts under the party that their identity belongs to now."""
    await move_parties(tx, Contract, event)
