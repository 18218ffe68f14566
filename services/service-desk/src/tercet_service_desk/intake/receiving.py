"""A message that a requester wrote: where it belongs, and what it does there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from tercet.marketing.v1.send_service_pb2 import ReceivedMessage
from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet_chassis import Tx
from tercet_service_desk.intake import store
from tercet_service_desk.intake.rules import (
    FLOOD_WINDOW,
    FOLLOW_UP,
    KEEP,
    MAIL,
    Policy,
    arrival_of,
    body_of,
    placed,
    sender_key,
    subject_of,
)
from tercet_service_desk.tickets.conversation import add_reply, keep_message, open_ticket
from tercet_service_desk.tickets.model import Ticket, TicketLink
from tercet_service_desk.tickets.outgoing import address_of
from tercet_service_desk.tickets.rules import number_in
from tercet_service_desk.types.store import standing_code

log = structlog.get_logger(__name__)
_CONTACTS = ("PHONE", "EMAIL", "ACCOUNT")


async def take(tx: Tx, message: ReceivedMessage) -> None:
    """Puts a message on its ticket, or opens one for it. A message that stands on a ticket already changes nothing."""
    key = sender_key(message.account_code, address_of(message.address))
    # What one sender writes at once is taken one after the other, or each would open a ticket.
    await tx.hold("intake", [key])
    if await store.is_kept(tx, UUID(message.id)):
        return
    policy = await store.policy_for(tx, message.account_code)
    flood = await store.count_from(tx, key, tx.now() - FLOOD_WINDOW) >= policy.most_per_hour
    quiet = message.automatic or flood
    ticket = await _ticket_of(tx, message, key, policy, quiet=quiet, flood=flood)
    if ticket is None:
        if quiet or policy.answers_only:
            # It stands in marketing's list of received messages; for the desk there is nothing to do.
            log.info("intake.passed_over", automatic=message.automatic, flood=flood)
            return
        await _open(tx, message, key, policy)
        return
    place = placed(policy, ticket.state, ticket.solve_time, tx.now(), quiet=quiet)
    if place == KEEP:
        entry = await keep_message(tx, ticket, **_entry(message, key, tx.now()), automatic=True)
        tx.emit(events.TicketReplied, ticket, entry=tx.render(entry), occur_time=entry.entry_time)
    elif place == FOLLOW_UP:
        made = await _open(tx, message, key, policy, after=ticket)
        tx.emit(events.TicketLinked, tx.add(TicketLink(ticket_id=made.id, other_id=ticket.id, kind="FOLLOW_UP_OF")))
    else:
        said = _entry(message, key, tx.now())
        await add_reply(tx, ticket, said.pop("body"), said.pop("written"), from_requester=True, **said)
        _answer_there(ticket, message, key)


async def _ticket_of(
    tx: Tx, message: ReceivedMessage, key: str, policy: Policy, *, quiet: bool, flood: bool
) -> Ticket | None:
    found = await _named(tx, message)
    if found is None and not message.automatic and policy.join_days:
        reopened = timedelta(days=0 if arrival_of(message.channel_code) == MAIL else policy.reopen_days)
        found = await store.id_going_on(tx, key, tx.now() - timedelta(days=policy.join_days), tx.now() - reopened)
    if found is None and flood and not message.automatic:
        found = await store.id_newest_of(tx, key)
    ticket = None if found is None else await store.whole(tx, found)
    # What follows up a ticket that is over takes the next answer too.
    while ticket is not None and placed(policy, ticket.state, ticket.solve_time, tx.now(), quiet=quiet) == FOLLOW_UP:
        following = await store.id_of_follow_up(tx, ticket.id)
        later = None if following is None else await store.whole(tx, following)
        if later is None or later.id == ticket.id:
            break
        ticket = later
    return ticket


async def _named(tx: Tx, message: ReceivedMessage) -> UUID | None:
    """The ticket that a message says it belongs to: it answers one of ours, it answers what its sender wrote before,
    or its subject names it.
    """
    if message.ticket_id:
        return UUID(message.ticket_id)
    if message.in_reply_to:
        found = await store.id_by_provider_id(tx, message.account_code, message.in_reply_to)
        if found is not None:
            return found
    number = number_in(message.subject)
    return await store.id_by_number(tx, number) if number else None


async def _open(tx: Tx, message: ReceivedMessage, key: str, policy: Policy, after: Ticket | None = None) -> Ticket:
    wanted = TicketMessage(
        subject=subject_of(message.subject, message.text),
        description=body_of(message.text, message.subject),
        type_code=await standing_code(tx, policy.type_code, after.type_code if after else ""),
        priority=policy.priority,
        arrival=arrival_of(message.channel_code),
        identity_id=message.identity_id,
        party_id=message.party_id,
        unit_id=policy.unit_id or str((after.unit_id if after else None) or message.unit_id or ""),
        partner_party_id=message.partner_party_id,
    )
    if after is not None:
        wanted.requester_name = after.requester_name
        wanted.customer_id, wanted.order_id = str(after.customer_id or ""), str(after.order_id or "")
        wanted.asset_id = str(after.asset_id or "")
    ticket = await open_ticket(tx, wanted)
    address = address_of(message.address)
    if address.get("kind") in _CONTACTS:
        ticket.contact_points = [{"kind": address["kind"], "value": address["value"]}]
    _answer_there(ticket, message, key)
    await tx.flush()
    await keep_message(tx, ticket, **_entry(message, key, tx.now()))
    return ticket


def _answer_there(ticket: Ticket, message: ReceivedMessage, key: str) -> None:
    """Our answers go where the requester wrote from last."""
    ticket.account_code, ticket.reply_address = message.account_code, address_of(message.address)
    ticket.sender_key = key


def _entry(message: ReceivedMessage, key: str, now: datetime) -> dict[str, Any]:
    written = message.write_time.ToDatetime(tzinfo=UTC) if message.HasField("write_time") else now
    return {
        "id": UUID(message.id),
        "body": body_of(message.text, message.subject),
        "written": min(written, now),
        "subject": message.subject,
        "html": message.html,
        "account_code": message.account_code,
        "address": address_of(message.address),
        "provider_id": message.provider_id,
        "in_reply_to": message.in_reply_to,
        "sender_key": key,
        "files": [
            {
                "name": file.name,
                "content_type": file.content_type,
                "byte_count": file.byte_count,
                "file_id": file.file_id,
            }
            for file in message.files
        ],
    }
