"""Leads follow their parties: those of one party are marked, joined ones part with it, marks end with their reason."""

from __future__ import annotations

from uuid import UUID

from tercet.leads.v1.events_pb2 import LeadConverted, LeadDeleted, LeadDisqualified, LeadReopened, PartyMembersMoved
from tercet_chassis import Tx, effect
from tercet_leads.mergers import joining, store


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Parts joined leads whose parties differ again, and marks those of which a party has two."""
    await joining.part_strangers(tx, {UUID(move.identity_id) for move in event.moves})
    await joining.mark_doubles(
        tx, {UUID(party) for move in event.moves for party in (move.from_party_id, move.to_party_id) if party}
    )


@effect(LeadConverted, LeadDisqualified, LeadDeleted, LeadReopened)
async def follow_states(event: LeadConverted | LeadDisqualified | LeadDeleted | LeadReopened, tx: Tx) -> None:
    """A lead that is closed has no doubles any more, and one that is open again may have them."""
    if event.lead.duplicate_of_id or await store.parties_doubled_by(tx, [UUID(event.lead.id)]):
        await joining.mark_doubles(tx, [UUID(event.lead.party_id)])
