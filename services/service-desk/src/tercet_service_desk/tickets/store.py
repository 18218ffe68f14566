"""Queries over tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_service_desk.tickets.model import Ticket, TicketEntry

_OPEN = ("NEW", "OPEN", "PENDING")
_PAGE = 500


def entries_of(ticket_id: UUID) -> ColumnElement[bool]:
    """The conversation of one ticket, as a condition on the entries' view."""
    return view(TicketEntry).c.ticket_id == ticket_id


async def open_tickets(tx: Tx, after: str, most: int, stamp: str | None) -> Sequence[Ticket]:
    """The next tickets in the order of their ids that are not solved, held until the end of the transaction; with a
    stamp only those that were judged by another.
    """
    query = select(Ticket).where(Ticket.state.in_(_OPEN)).order_by(Ticket.id).limit(most)
    if after:
        query = query.where(Ticket.id > UUID(after))
    if stamp is not None:
        query = query.where(Ticket.level_stamp != stamp)
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await tx.session.scalars(query)).all()


async def count_open(tx: Tx) -> int:
    """How many tickets are not solved."""
    tickets = view(Ticket)
    query = select(func.count()).select_from(tickets).where(tickets.c.state.in_(_OPEN))
    return int((await tx.session.execute(query)).scalar_one())


async def tickets_with_clocks(tx: Tx) -> AsyncIterator[Ticket]:
    """Every ticket that has clocks, in the order of ids, page by page."""
    after: UUID | None = None
    while True:
        query = select(Ticket).where(func.jsonb_array_length(Ticket.clocks) > 0).order_by(Ticket.id).limit(_PAGE)
        page = (await tx.session.scalars(query if after is None else query.where(Ticket.id > after))).all()
        for ticket in page:
            yield ticket
        if len(page) < _PAGE:
            return
        after = page[-1].id
        tx.session.expunge_all()
