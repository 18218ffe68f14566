"""Taking a part of a conversation out into a ticket of its own."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet_chassis import Tx
from tercet_service_desk.tickets import store
from tercet_service_desk.tickets.conversation import open_ticket
from tercet_service_desk.tickets.errors import TicketEntryUnknown
from tercet_service_desk.tickets.model import Ticket, TicketLink
from tercet_service_desk.types.store import standing_code


async def split(tx: Tx, ticket: Ticket, entry_id: UUID, subject: str) -> Ticket:
    """Moves an entry and what was said after it to a new ticket of the same requester. Refused once the ticket is
    closed, and for an entry that is none of its own.
    """
    ticket.changeable()
    moved = await store.entries_from(tx, ticket.id, entry_id)
    if not moved:
        raise TicketEntryUnknown(number=ticket.number)
    told = next((entry.body for entry in moved if entry.from_requester), "")
    made = await open_ticket(
        tx,
        TicketMessage(
            subject=subject or ticket.subject,
            description=told,
            type_code=await standing_code(tx, ticket.type_code),
            priority=ticket.priority,
            arrival=ticket.arrival,
            identity_id=str(ticket.identity_id),
            party_id=str(ticket.party_id),
            requester_name=ticket.requester_name,
            unit_id=str(ticket.unit_id or ""),
            partner_party_id=str(ticket.partner_party_id or ""),
            customer_id=str(ticket.customer_id or ""),
            order_id=str(ticket.order_id or ""),
            asset_id=str(ticket.asset_id or ""),
        ),
    )
    made.contact_points = list(ticket.contact_points)
    made.account_code, made.reply_address, made.sender_key = (
        ticket.account_code,
        ticket.reply_address,
        ticket.sender_key,
    )
    await tx.flush()
    for entry in moved:
        entry.ticket_id = made.id
    made.entry_count, ticket.entry_count = len(moved), ticket.entry_count - len(moved)
    link = tx.add(TicketLink(ticket_id=made.id, other_id=ticket.id, kind="SPLIT_FROM"))
    tx.emit(events.TicketLinked, link)
    tx.emit(events.TicketSplit, ticket, new_ticket_id=str(made.id))
    return made
