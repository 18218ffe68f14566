"""A solved ticket gets its survey."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Tx, effect
from tercet_service_desk.satisfaction import store
from tercet_service_desk.satisfaction.model import Survey
from tercet_service_desk.satisfaction.rules import ANSWERABLE


@effect(events.TicketSolved)
async def ask(event: events.TicketSolved, tx: Tx) -> None:
    """Makes the survey of a ticket, once: a ticket that was opened and solved again is not asked about again."""
    # The ticket's row is the lock. One that was opened again meanwhile is asked about when it is solved for good.
    ticket = await store.lock_ticket(tx, UUID(event.ticket.id))
    if ticket is None or ticket.state not in ("SOLVED", "CLOSED") or await store.of_ticket(tx, ticket.id) is not None:
        return
    # What a device reported and what went away by itself has satisfied nobody.
    if ticket.arrival == "DEVICE" and not ticket.entry_count:
        return
    survey = Survey(
        ticket_id=ticket.id,
        ticket_number=ticket.number,
        owner_id=ticket.owner_id,
        unit_id=ticket.unit_id,
        partner_party_id=ticket.partner_party_id,
        identity_id=ticket.identity_id,
        party_id=ticket.party_id,
        expire_time=tx.now() + ANSWERABLE,
    )
    tx.session.add(survey)
    tx.emit(events.SurveyCreated, survey)
