"""Answers on their way out: which go, and where."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from tercet.marketing.v1.profile_service_pb2 import ProfileContactPoint
from tercet.servicedesk.v1.ticket_service_pb2 import TicketAddress
from tercet_chassis import Tx
from tercet_service_desk.tickets import jobs, store
from tercet_service_desk.tickets.model import Ticket, TicketEntry
from tercet_service_desk.tickets.rules import answered_subject


async def send_out(
    tx: Tx, ticket: Ticket, entry: TicketEntry, channel_code: str = "", address: dict[str, Any] | None = None
) -> None:
    """Has a public answer handed to marketing once this transaction is committed. Without a channel, named or of the
    ticket, it stays recorded only.
    """
    account_code = channel_code or ticket.account_code
    if not account_code:
        return
    # Where they wrote from is an address of that account's kind; of another channel's we know nothing.
    same_account = account_code == ticket.account_code
    entry.wait(account_code, address or (ticket.reply_address if same_account else None))
    entry.subject = answered_subject(ticket.subject, ticket.number)
    entry.in_reply_to = await store.last_provider_id(tx, ticket.id, account_code)
    jobs.send_soon(tx, entry)


def address_of(address: TicketAddress | ProfileContactPoint) -> dict[str, Any]:
    """An address as it is kept."""
    return MessageToDict(address, preserving_proto_field_name=True)
