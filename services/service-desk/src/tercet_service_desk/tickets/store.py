"""Queries over tickets."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement

from tercet_chassis.entity import view
from tercet_service_desk.tickets.model import TicketEntry


def entries_of(ticket_id: UUID) -> ColumnElement[bool]:
    """The conversation of one ticket, as a condition on the entries' view."""
    return view(TicketEntry).c.ticket_id == ticket_id
