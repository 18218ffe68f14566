"""Opening a ticket and adding to its conversation: the one way in for calls, mails, forms and alarms alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet_chassis import Tx, new_id
from tercet_chassis.custom_fields import checked as checked_custom
from tercet_chassis.entity import untracked
from tercet_service_desk.levels.store import book
from tercet_service_desk.promised.store import count_carried
from tercet_service_desk.tickets.errors import TicketAssetUnknown
from tercet_service_desk.tickets.jobs import watch
from tercet_service_desk.tickets.model import Ticket, TicketEntry
from tercet_service_desk.tickets.promises import Promises, check_kept, check_type, check_way, promises_of
from tercet_service_desk.tickets.rules import number_of
from tercet_service_desk.tickets.store import moved_parties, unknown_asset
from tercet_service_desk.types.store import machines


async def open_ticket(tx: Tx, message: TicketMessage) -> Ticket:
    """Opens a ticket with its number, its requester and what it is promised, to go on with in this transaction.
    Refuses one about an asset that there is not, or of a type that there is not.
    """
    (ticket,) = await _opened(tx, [message], Ticket)
    return tx.add(ticket)


async def open_tickets(tx: Tx, messages: Sequence[TicketMessage]) -> list[Ticket]:
    """The same for tickets that came in together and that this transaction changes no more: their rows are written
    together, in one statement with all else that it leaves.
    """
    tickets = await _opened(tx, messages, untracked(Ticket))
    for ticket in tickets:
        ticket.create_time = ticket.update_time = tx.now()
        ticket.row_version = 1
    tx.record_created(Ticket, tx.stage(Ticket, [vars(ticket) for ticket in tickets]))
    if any(message.id or message.HasField("external_ref") for message in messages):
        # A name that the client chose may be taken, which is to be said as such.
        await tx.flush()
    return tickets


async def check_assets(tx: Tx, asset_ids: Collection[UUID]) -> None:
    """Refuses assets that there are not."""
    unknown = await unknown_asset(tx, asset_ids)
    if unknown is not None:
        raise TicketAssetUnknown(asset_id=unknown)


async def _opened(tx: Tx, messages: Sequence[TicketMessage], kind: type[Ticket]) -> list[Ticket]:
    await check_assets(tx, {UUID(message.asset_id) for message in messages if message.asset_id})
    levels, types = await book(tx), await machines(tx)
    moved = await moved_parties(tx, {UUID(message.identity_id) for message in messages if message.identity_id})
    tickets = [await _begun(tx, message, kind, moved) for message in messages]
    for ticket in tickets:
        promises = Promises(ticket, levels, types, tx.now())
        check_type(promises)
        watch(tx, promises)
        tx.emit(events.TicketOpened, ticket)
    return tickets


async def _begun(tx: Tx, message: TicketMessage, kind: type[Ticket], moved: Mapping[UUID, UUID]) -> Ticket:
    values = tx.runtime.bindings.of(Ticket).values(message, creating=True)
    values["custom"] = await checked_custom(tx, Ticket, values.get("custom") or {})
    ticket = kind(**{"id": new_id()} | values)
    # Nobody waits to be recognised: an unknown requester is a party of its own until leads says otherwise.
    ticket.identity_id = ticket.identity_id or new_id()
    ticket.party_id = moved.get(ticket.identity_id) or ticket.party_id or ticket.identity_id
    if tx.principal.kind == "user":
        ticket.owner_id = ticket.owner_id or tx.principal.user_id
    ticket.unit_id = ticket.unit_id or tx.principal.unit_id
    ticket.number = number_of(ticket.id, tx.now().astimezone(ZoneInfo(tx.principal.zone)).date())
    ticket.priority = ticket.priority if message.priority else "NORMAL"
    return ticket


async def add_reply(
    tx: Tx, ticket: Ticket, body: str, written: datetime, *, from_requester: bool, pending: bool = False, **more: Any
) -> TicketEntry:
    """Adds an answer, ours or the requester's, to a ticket that this transaction holds; its clocks follow. `more` are
    further columns of the entry. Refused once it is closed.
    """
    promises = await promises_of(tx, ticket)
    reopened = ticket.reply(written, from_requester=from_requester, pending=pending)
    entry = _entry(tx, ticket, "REPLY", body, written, from_requester=from_requester, **more)
    if reopened:
        promises.reopened(written)
        reason = "requester replied" if from_requester else "more was asked"
        tx.emit(events.TicketReopened, ticket, reason=reason, occur_time=written)
    if from_requester:
        promises.heard(written)
    else:
        promises.replied(written)
    watch(tx, promises)
    await tx.flush()
    tx.emit(events.TicketReplied, ticket, entry=tx.render(entry), occur_time=written)
    return entry


async def add_note(tx: Tx, ticket: Ticket, body: str, files: Sequence[dict[str, Any]] = ()) -> TicketEntry:
    """Adds a note that only staff sees; no clock hears of it. Refused once the ticket is closed."""
    ticket.note()
    entry = _entry(tx, ticket, "NOTE", body, tx.now(), files=list(files))
    await tx.flush()
    tx.emit(events.TicketNoted, ticket, entry=tx.render(entry))
    return entry


async def may_solve(tx: Tx, ticket: Ticket) -> bool:
    """Whether its type lets a ticket be solved from where it stands, and nothing promised is open on it."""
    machine = (await machines(tx)).get(ticket.type_code)
    if machine is not None and machine.entered(ticket.stage_code, "SOLVED") is None:
        return False
    return not await count_carried(tx, ticket.id, ticket.party_id, ticket.order_id)


async def solve(tx: Tx, ticket: Ticket, resolution: str) -> None:
    """Records how a ticket was solved. Refused when it is, where its type leads no way there, and while it carries an
    open promise.
    """
    promises = await promises_of(tx, ticket)
    check_way(promises, "SOLVED")
    ticket.solve(tx.now(), resolution)
    await check_kept(tx, ticket)
    promises.solved()
    watch(tx, promises)
    tx.emit(events.TicketSolved, ticket)


async def keep_message(tx: Tx, ticket: Ticket, body: str, written: datetime, **more: Any) -> TicketEntry:
    """Keeps a message of the requester on a ticket in whatever state it is, and moves nothing: the one that opened it,
    or one that a machine wrote.
    """
    ticket.entry_count = (ticket.entry_count or 0) + 1
    entry = _entry(tx, ticket, "REPLY", body, written, from_requester=True, **more)
    await tx.flush()
    return entry


def _entry(
    tx: Tx, ticket: Ticket, kind: str, body: str, written: datetime, *, from_requester: bool = False, **more: Any
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
            **more,
        )
    )
