"""RPCs of tickets beyond the free ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import ParseDict

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import (
    AddTicketNoteRequest,
    AssignTicketRequest,
    CloseTicketRequest,
    CreateTicketRequest,
    ExplainServiceLevelRequest,
    ExplainServiceLevelResponse,
    GetTicketFileRequest,
    LinkTicketRequest,
    ListTicketEntriesRequest,
    ListTicketEntriesResponse,
    ListTicketLinksRequest,
    ListTicketLinksResponse,
    MergeTicketRequest,
    MoveTicketRequest,
    RecalculateServiceLevelsRequest,
    RecalculateServiceLevelsResponse,
    ReopenTicketRequest,
    ReplyToTicketRequest,
    SolveTicketRequest,
    SplitTicketRequest,
    TicketFile,
    UnlinkTicketRequest,
    UnmergeTicketRequest,
    UpdateTicketRequest,
)
from tercet.servicedesk.v1.ticket_service_pb2 import TicketEntry as TicketEntryMessage
from tercet.servicedesk.v1.ticket_service_pb2 import TicketLink as TicketLinkMessage
from tercet_chassis import Handlers, InSteps, Process, Tx, invariant
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.invariants import finding
from tercet_chassis.showing import hidden_paths
from tercet_service_desk.agents.holding import hold
from tercet_service_desk.tickets import attaching
from tercet_service_desk.tickets.conversation import check_assets, open_tickets, solve
from tercet_service_desk.tickets.errors import TicketLinkedToItself, TicketsNotLinked
from tercet_service_desk.tickets.explaining import explained
from tercet_service_desk.tickets.jobs import clocks_astray, recalculate, watch
from tercet_service_desk.tickets.model import Ticket, TicketEntry, TicketLink
from tercet_service_desk.tickets.moving import move
from tercet_service_desk.tickets.promises import DONE, check_kept, check_type, check_way, promises_of
from tercet_service_desk.tickets.splitting import split
from tercet_service_desk.tickets.store import (
    count_open,
    entries_of,
    entries_of_party,
    file_of,
    link_between,
    links_of,
    sends_astray,
)

Finding = CheckInvariantsResponse.Finding


class TicketService(Handlers):
    """Serves tercet.servicedesk.v1.TicketService."""

    async def CreateTicket(self, requests: Sequence[CreateTicketRequest], tx: Tx) -> list[Ticket]:
        """Opens a ticket, and others that arrived with it."""
        return await open_tickets(tx, [request.ticket for request in requests])

    async def UpdateTicket(self, request: UpdateTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.ticket.id, etag=request.ticket.etag)
        ticket.changeable()
        promises, type_code, asset_id = await promises_of(tx, ticket), ticket.type_code, ticket.asset_id
        await tx.patch(ticket, request.ticket, request.update_mask if request.HasField("update_mask") else None)
        if ticket.type_code != type_code:
            check_type(promises)
        if ticket.asset_id is not None and ticket.asset_id != asset_id:
            await check_assets(tx, [ticket.asset_id])
        watch(tx, promises)
        tx.emit(events.TicketUpdated, ticket)
        return ticket

    async def AssignTicket(self, request: AssignTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        promises = await promises_of(tx, ticket)
        ticket.assign(UUID(request.assignee_id), UUID(request.unit_id) if request.unit_id else None, tx.now())
        await hold(tx, ticket.id, UUID(request.assignee_id), (ticket.type_code, ticket.priority))
        watch(tx, promises)
        tx.emit(events.TicketAssigned, ticket)
        return ticket

    async def ReplyToTicket(self, request: ReplyToTicketRequest, tx: Tx) -> TicketEntry:
        if request.file_ids:
            raise InSteps
        return await attaching.reply(tx, request, [])

    async def ReplyToTicketInSteps(self, request: ReplyToTicketRequest, process: Process) -> TicketEntryMessage:
        return await attaching.reply_with_files(request, process)

    async def AddTicketNote(self, request: AddTicketNoteRequest, tx: Tx) -> TicketEntry:
        if request.file_ids:
            raise InSteps
        return await attaching.note(tx, request, [])

    async def AddTicketNoteInSteps(self, request: AddTicketNoteRequest, process: Process) -> TicketEntryMessage:
        return await attaching.note_with_files(request, process)

    async def ListTicketEntries(self, request: ListTicketEntriesRequest, tx: Tx) -> ListTicketEntriesResponse:
        # The ticket's own reach decides: whoever may not see it does not see what was said.
        if request.party_id:
            said = entries_of_party(tx, UUID(request.party_id))
        else:
            said = await entries_of(tx, (await tx.get(Ticket, request.ticket_id)).id)
        request.order_by = request.order_by or "create_time"
        answer = await tx.page(TicketEntry, request, response=ListTicketEntriesResponse, where=[said])
        assert isinstance(answer, ListTicketEntriesResponse)
        return answer

    async def GetTicketFile(self, request: GetTicketFileRequest, tx: Tx) -> TicketFile:
        """Tells of a file of a ticket's conversation. Refuses other files, and whoever has something masked."""
        ticket = await tx.get(Ticket, request.id)
        # Bytes cannot be masked.
        file = None if tx.principal.masks else await file_of(tx, ticket.id, request.file_id)
        if file is None:
            raise ResourceNotFound(type="TicketFile", id=request.file_id)
        return ParseDict(file, TicketFile())

    async def SolveTicket(self, request: SolveTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        await solve(tx, ticket, request.resolution)
        return ticket

    async def SplitTicket(self, request: SplitTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        return await split(tx, ticket, UUID(request.entry_id), request.subject)

    async def ReopenTicket(self, request: ReopenTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        promises = await promises_of(tx, ticket)
        check_way(promises, "OPEN")
        ticket.reopen(tx.now())
        promises.reopened(tx.now())
        watch(tx, promises)
        tx.emit(events.TicketReopened, ticket, reason=request.reason)
        return ticket

    async def MoveTicket(self, request: MoveTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        await move(tx, ticket, request.stage_code, request.resolution)
        return ticket

    async def MergeTicket(self, request: MergeTicketRequest, tx: Tx) -> Ticket:
        # In the order of their ids, so that two merges of the same tickets do not wait for each other.
        for id in sorted({request.id, request.into_id}):
            await tx.get(Ticket, id, lock=True)
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        promises, was_open = await promises_of(tx, ticket), ticket.state not in DONE
        ticket.merge(await tx.get(Ticket, request.into_id), tx.now())
        if was_open:
            promises.merged()
        watch(tx, promises)
        tx.emit(events.TicketMerged, ticket)
        return ticket

    async def UnmergeTicket(self, request: UnmergeTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        promises, into_id = await promises_of(tx, ticket), ticket.merged_into_id
        ticket.unmerge()
        promises.unmerged()
        watch(tx, promises)
        tx.emit(events.TicketUnmerged, ticket, merged_into_id=str(into_id))
        return ticket

    async def LinkTicket(self, request: LinkTicketRequest, tx: Tx) -> TicketLink:
        first, second = await tx.get(Ticket, request.id), await tx.get(Ticket, request.other_id)
        if first.id == second.id:
            raise TicketLinkedToItself()
        kind = TicketLinkMessage.Kind.Name(request.kind)
        link = tx.add(TicketLink(ticket_id=first.id, other_id=second.id, kind=kind))
        tx.emit(events.TicketLinked, link)
        return link

    async def UnlinkTicket(self, request: UnlinkTicketRequest, tx: Tx) -> Empty:
        first, second = await tx.get(Ticket, request.id), await tx.get(Ticket, request.other_id)
        link = await link_between(tx, first.id, second.id, TicketLinkMessage.Kind.Name(request.kind))
        if link is None:
            raise TicketsNotLinked()
        tx.emit(events.TicketUnlinked, link)
        await tx.delete(link)
        return Empty()

    async def ListTicketLinks(self, request: ListTicketLinksRequest, tx: Tx) -> ListTicketLinksResponse:
        ticket = await tx.get(Ticket, request.ticket_id)
        where = [links_of(tx, ticket.id)]
        answer = await tx.page(TicketLink, request, response=ListTicketLinksResponse, where=where)
        assert isinstance(answer, ListTicketLinksResponse)
        return answer

    async def ExplainServiceLevel(self, request: ExplainServiceLevelRequest, tx: Tx) -> ExplainServiceLevelResponse:
        ticket = await tx.get(Ticket, request.id)
        return explained(await promises_of(tx, ticket), await hidden_paths(tx, Ticket))

    async def RecalculateServiceLevels(
        self, request: RecalculateServiceLevelsRequest, process: Process
    ) -> RecalculateServiceLevelsResponse:
        answer, after, number = RecalculateServiceLevelsResponse(), "", 0
        total: int = await process.step("count", _count_open)
        while True:
            done = await process.step(f"batch-{number}", _recalculate, after)
            answer.ticket_count += done["tickets"]
            answer.changed_count += done["changed"]
            await process.progress(answer.ticket_count, max(total, answer.ticket_count), "tickets")
            if not done["after"]:
                return answer
            after, number = done["after"], number + 1

    async def CloseTicket(self, request: CloseTicketRequest, tx: Tx) -> Ticket:
        ticket = await tx.get(Ticket, request.id, etag=request.etag)
        promises = await promises_of(tx, ticket)
        check_way(promises, "CLOSED")
        ticket.close(tx.now())
        await check_kept(tx, ticket)
        watch(tx, promises)
        tx.emit(events.TicketClosed, ticket)
        return ticket


async def _count_open(tx: Tx) -> int:
    return await count_open(tx)


async def _recalculate(tx: Tx, after: str) -> dict[str, Any]:
    batch = await recalculate(tx, after, stale_only=False)
    return {"tickets": batch.tickets, "changed": batch.changed, "after": batch.after}


@invariant
async def service_level_clocks(tx: Tx) -> Finding:
    """Every service-level clock has only moved forward, and whatever is still to be done for an open ticket waits as a
    job.
    """
    checked, broken = await clocks_astray(tx)
    return finding("tickets.service_level_clocks", checked, broken)


@invariant
async def each_reply_one_send(tx: Tx) -> Finding:
    """A public answer that was to go out is known to marketing, once, and nothing private has gone."""
    checked, broken = await sends_astray(tx)
    return finding("tickets.each_reply_one_send", checked, broken)
