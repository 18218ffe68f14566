"""Answers and notes, with files or without. Files are marketing's: it is asked whose they are and whether they go
before anything is written, so whoever names a wrong one hears it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from google.protobuf.json_format import MessageToDict

from tercet.marketing.v1.send_service_pb2 import CheckMessageFilesRequest, CheckMessageFilesResponse
from tercet.servicedesk.v1.ticket_service_pb2 import AddTicketNoteRequest, ReplyToTicketRequest
from tercet.servicedesk.v1.ticket_service_pb2 import TicketEntry as TicketEntryMessage
from tercet_chassis import Process, Tx
from tercet_service_desk.tickets.conversation import add_note, add_reply
from tercet_service_desk.tickets.errors import TicketFilesNotSent
from tercet_service_desk.tickets.model import Ticket, TicketEntry
from tercet_service_desk.tickets.outgoing import address_of, send_out

Files = Sequence[dict[str, Any]]


async def reply(tx: Tx, request: ReplyToTicketRequest, files: Files) -> TicketEntry:
    """Adds an answer. Refuses files with one that goes through no channel."""
    ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
    if files:
        _way_out(ticket, request)
    written = request.entry_time.ToDatetime(tzinfo=UTC) if request.HasField("entry_time") else tx.now()
    if request.from_requester:
        return await add_reply(tx, ticket, request.body, written, from_requester=True)
    entry = await add_reply(
        tx, ticket, request.body, written, from_requester=False, pending=request.pending, files=list(files)
    )
    if not request.recorded_only:
        address = address_of(request.address) if request.HasField("address") else None
        await send_out(tx, ticket, entry, request.channel_code, address)
    return entry


async def note(tx: Tx, request: AddTicketNoteRequest, files: Files) -> TicketEntry:
    """Adds a note. Refused once the ticket is closed."""
    ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
    return await add_note(tx, ticket, request.body, files)


async def reply_with_files(request: ReplyToTicketRequest, process: Process) -> TicketEntryMessage:
    """Adds an answer with files. Refuses those that are not the caller's, are too large, or that the channel does not
    carry.
    """
    channel: str = await process.step("channel", _channel, request)
    files = await _files(process, request.file_ids, [channel])
    made: TicketEntryMessage = await process.step("reply", reply, request, files)
    return made


async def note_with_files(request: AddTicketNoteRequest, process: Process) -> TicketEntryMessage:
    """Adds a note with files. Refuses those that are not the caller's, or too large."""
    await process.step("ticket", _reached, request)
    files = await _files(process, request.file_ids, [])
    made: TicketEntryMessage = await process.step("note", note, request, files)
    return made


async def _channel(tx: Tx, request: ReplyToTicketRequest) -> str:
    return _way_out(await tx.get(Ticket, request.id, etag=request.etag), request)


async def _reached(tx: Tx, request: AddTicketNoteRequest) -> None:
    await tx.get(Ticket, request.id, etag=request.etag)


def _way_out(ticket: Ticket, request: ReplyToTicketRequest) -> str:
    channel = request.channel_code or ticket.account_code
    if request.from_requester or request.recorded_only or not channel:
        raise TicketFilesNotSent(number=ticket.number)
    return channel


async def _files(process: Process, ids: Sequence[str], channel_codes: Sequence[str]) -> list[dict[str, Any]]:
    asked = CheckMessageFilesRequest(file_ids=ids, channel_codes=channel_codes)
    asked.file_owner_id = str(process.principal.user_id or "")
    known: CheckMessageFilesResponse = await process.call("files", "marketing", "CheckMessageFiles", asked)
    return [MessageToDict(file, preserving_proto_field_name=True) for file in known.files]
