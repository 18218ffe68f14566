"""RPCs of tickets beyond the free ones."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import (
    AddTicketNoteRequest,
    AssignTicketRequest,
    CloseTicketRequest,
    CreateTicketRequest,
    ListTicketEntriesRequest,
    ListTicketEntriesResponse,
    ReopenTicketRequest,
    ReplyToTicketRequest,
    SolveTicketRequest,
    UpdateTicketRequest,
)
from tercet_chassis import Handlers, Tx, new_id
from tercet_service_desk.tickets.model import Ticket, TicketEntry
from tercet_service_desk.tickets.rules import number_of
from tercet_service_desk.tickets.store import entries_of


class TicketService(Handlers):
    """Serves tercet.servicedesk.v1.TicketService."""

    async def CreateTicket(self, request: CreateTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.create(Ticket, request.ticket)
        # Nobody waits to be recognised: an unknown requester is a party of its own until leads says otherwise.
        ticket.identity_id = ticket.identity_id or new_id()
        ticket.party_id = ticket.party_id or ticket.identity_id
        ticket.number = number_of(ticket.id, tx.now().astimezone(ZoneInfo(tx.principal.zone)).date())
        ticket.priority = ticket.priority if request.ticket.priority else "NORMAL"
        tx.emit(events.TicketOpened, ticket)
        return ticket

    async def UpdateTicket(self, request: UpdateTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.ticket.id, etag=request.ticket.etag)
        ticket.changeable()
        await tx.patch(ticket, request.ticket, request.update_mask if request.HasField("update_mask") else None)
        tx.emit(events.TicketUpdated, ticket)
        return ticket

    async def AssignTicket(self, request: AssignTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        ticket.assign(UUID(request.assignee_id), UUID(request.unit_id) if request.unit_id else None, tx.now())
        tx.emit(events.TicketAssigned, ticket)
        return ticket

    async def ReplyToTicket(self, request: ReplyToTicketRequest, tx: Tx) -> TicketEntry:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        written = request.entry_time.ToDatetime(tzinfo=UTC) if request.HasField("entry_time") else tx.now()
        reopened = ticket.reply(written, from_requester=request.from_requester, pending=request.pending)
        entry = _entry(tx, ticket, "REPLY", request.body, written, from_requester=request.from_requester)
        if reopened:
            tx.emit(events.TicketReopened, ticket, reason="requester replied", occur_time=written)
        await tx.flush()
        tx.emit(events.TicketReplied, ticket, entry=tx.render(entry), occur_time=written)
        return entry

    async def AddTicketNote(self, request: AddTicketNoteRequest, tx: Tx) -> TicketEntry:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        ticket.note()
        entry = _entry(tx, ticket, "NOTE", request.body, tx.now())
        await tx.flush()
        tx.emit(events.TicketNoted, ticket, entry=tx.render(entry))
        return entry

    async def ListTicketEntries(self, request: ListTicketEntriesRequest, tx: Tx) -> ListTicketEntriesResponse:
        # The ticket's own reach decides: whoever may not see it does not see what was said.
        ticket = await tx.get(Ticket, request.ticket_id)
        request.order_by = request.order_by or "create_time"
        answer = await tx.page(TicketEntry, request, response=ListTicketEntriesResponse, where=[entries_of(ticket.id)])
        assert isinstance(answer, ListTicketEntriesResponse)
        return answer

    async def SolveTicket(self, request: SolveTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        ticket.solve(tx.now(), request.resolution)
        tx.emit(events.TicketSolved, ticket)
        return ticket

    async def ReopenTicket(self, request: ReopenTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        ticket.reopen(tx.now())
        tx.emit(events.TicketReopened, ticket, reason=request.reason)
        return ticket

    async def CloseTicket(self, request: CloseTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        ticket.close(tx.now())
        tx.emit(events.TicketClosed, ticket)
        return ticket


def _entry(
    tx: Tx, ticket: Ticket, kind: str, body: str, written: datetime, *, from_requester: bool = False
) -> TicketEntry:
    author = None if from_requester else tx.principal.user_id
    return tx.add(
        TicketEntry(
            ticket_id=ticket.id,
            kind=kind,
            body=body,
            entry_time=written,
            from_requester=from_requester,
            author_id=author,
        )
    )
