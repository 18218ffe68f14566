"""Queries of times."""

from __future__ import annotations

from sqlalchemy import func, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.times.model import TicketTime


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many tickets have times, and those whose sum is another."""
    ticket, time = view(Ticket), view(TicketTime)
    sums = select(time.c.ticket_id, func.sum(time.c.minutes).label("minutes")).group_by(time.c.ticket_id).subquery()
    total = await tx.session.scalar(select(func.count()).select_from(sums))
    both = ticket.outerjoin(sums, sums.c.ticket_id == ticket.c.id)
    wrong = ticket.c.spent_minutes != func.coalesce(sums.c.minutes, 0)
    found = await tx.session.scalars(select(ticket.c.number).select_from(both).where(wrong).limit(20))
    return int(total or 0), list(found)
