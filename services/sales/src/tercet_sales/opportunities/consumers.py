"""Opportunities follow the parties on them, and a customer that goes to another owner with its open work."""

from __future__ import annotations

from uuid import UUID

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, effect
from tercet_sales.opportunities import store
from tercet_sales.party_moves import moved


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_parties(event: PartyMembersMoved, tx: Tx) -> None:
    """Puts the parties on opportunities under the parties their identities belong to now."""
    newest = (await tx.known.follow_moves(event.moves)).newest
    for opportunity in await store.with_parties(tx, newest):
        parties = moved(opportunity.parties, newest)
        if parties != opportunity.parties:
            opportunity.parties = parties


@effect(events.CustomerTransferred)
async def follow_owner(event: events.CustomerTransferred, tx: Tx) -> None:
    """Gives the old owner's open opportunities with the customer to the new one, when the transfer asked for it."""
    if not event.with_open_work or not event.previous_owner_id:
        return
    for opportunity in await store.open_work(tx, UUID(event.customer.id), UUID(event.previous_owner_id)):
        opportunity.owner_id = UUID(event.customer.owner_id)
        tx.emit(events.OpportunityUpdated, opportunity)
