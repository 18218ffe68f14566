"""Who has a ticket open."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import ticket_viewer_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.viewers import store


class TicketViewerService(Handlers):
    """Serves tercet.servicedesk.v1.TicketViewerService."""

    async def ViewTicket(self, request: pb.ViewTicketRequest, tx: Tx) -> pb.TicketViewers:
        """Notes that the caller has the ticket open. Programs are not noted: only people get into each other's way."""
        ticket = await tx.get(Ticket, request.ticket_id)
        if tx.principal.kind == "user" and tx.principal.user_id is not None:
            await store.seen(tx, ticket.id, tx.principal.user_id, editing=request.editing)
        return await _viewers(tx, ticket.id)

    async def LeaveTicket(self, request: pb.LeaveTicketRequest, tx: Tx) -> pb.TicketViewers:
        """Notes that the caller has closed it."""
        ticket = await tx.get(Ticket, request.ticket_id)
        if tx.principal.user_id is not None:
            await store.left(tx, ticket.id, tx.principal.user_id)
        return await _viewers(tx, ticket.id)

    async def ListTicketViewers(self, request: pb.ListTicketViewersRequest, tx: Tx) -> pb.TicketViewers:
        """Who has it open."""
        ticket = await tx.get(Ticket, request.ticket_id)
        return await _viewers(tx, ticket.id)


async def _viewers(tx: Tx, ticket_id: UUID) -> pb.TicketViewers:
    answer = pb.TicketViewers()
    for row in await store.viewers(tx, ticket_id):
        shown = answer.viewers.add(user_id=str(row["user_id"]), editing=row["editing"])
        shown.begin_time.FromDatetime(row["begin_time"])
        shown.seen_time.FromDatetime(row["seen_time"])
    return answer
