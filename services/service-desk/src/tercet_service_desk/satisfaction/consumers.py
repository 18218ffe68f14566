"""A solved ticket gets its survey, and the survey follows what marketing tells of its invitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as marketing
from tercet.servicedesk.v1 import events_pb2 as desk
from tercet_chassis import Event, Tx, effect, projection
from tercet_service_desk.satisfaction import store
from tercet_service_desk.satisfaction.jobs import invite_soon
from tercet_service_desk.satisfaction.model import Survey
from tercet_service_desk.satisfaction.rules import ANSWERABLE


@effect(desk.TicketSolved)
async def ask(event: desk.TicketSolved, tx: Tx) -> None:
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
    await tx.flush()
    invite_soon(tx, survey, ticket)
    tx.emit(desk.SurveyCreated, survey)


@projection(
    marketing.MessageSent,
    marketing.MessageDelivered,
    marketing.MessageFailed,
    marketing.MessageWithheld,
    marketing.MessageDoubted,
)
async def follow_invitations(events: Sequence[Event[Any]], tx: Tx) -> None:
    """A survey says what became of its invitation."""
    sends = {UUID(event.message.send.id): event.message.send for event in events if event.message.send.ticket_id}
    for survey in await store.by_ids(tx, list(sends)) if sends else ():
        send = sends[survey.id]
        survey.follow(send.State.Name(send.state), send.state_code, send.detail)
