"""Answers as marketing is asked to send them."""

from __future__ import annotations

from google.protobuf.json_format import ParseDict

from tercet.marketing.v1.profile_service_pb2 import ConsentDecision, ProfileContactPoint
from tercet.marketing.v1.send_service_pb2 import SendMessageRequest
from tercet_service_desk.tickets.model import Ticket, TicketEntry


def request_of(ticket: Ticket, entry: TicketEntry) -> SendMessageRequest:
    """The answer as marketing is asked to send it; the same whenever it is asked."""
    request = SendMessageRequest(
        id=str(entry.id),
        key=f"ticket-entry:{entry.id}",
        purpose=ConsentDecision.SERVICE,
        identity_id=str(ticket.identity_id),
        channel_codes=[entry.account_code],
        subject=entry.subject,
        text=entry.body,
        ticket_id=str(entry.ticket_id),
        in_reply_to=entry.in_reply_to,
        file_ids=[file["file_id"] for file in entry.files],
        file_owner_id=str(entry.author_id or ""),
    )
    if entry.address:
        request.address.CopyFrom(ParseDict(entry.address, ProfileContactPoint()))
    return request
