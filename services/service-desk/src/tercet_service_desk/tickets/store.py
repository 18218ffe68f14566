"""Queries over tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_service_desk.tickets.model import Ticket, TicketEntry, TicketLink

_OPEN = ("NEW", "OPEN", "PENDING")
_PAGE = 500


_PARTS = (
    "WITH RECURSIVE parts AS (SELECT id FROM fenced.tickets WHERE merged_into_id = $1"
    " UNION SELECT t.id FROM fenced.tickets t JOIN parts p ON t.merged_into_id = p.id) SELECT id FROM parts"
)

# By the table's name: assets are a room above this one, and open tickets.
_ASSETS = "SELECT id FROM fenced.assets WHERE id = ANY($1::uuid[])"


_PARTIES = "SELECT identity, party FROM known_parties($1, $2)"


async def moved_parties(tx: Tx, identity_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The party of each identity that has ever moved; none of them moves until this transaction ends."""
    rows = await tx.fetch(_PARTIES, tx.tenant_id, list(identity_ids)) if identity_ids else []
    return {row["identity"]: row["party"] for row in rows}


async def unknown_asset(tx: Tx, asset_ids: Collection[UUID]) -> UUID | None:
    """One of the assets that the tenant has not; None when it has them all."""
    known = {row["id"] for row in await tx.fetch(_ASSETS, list(asset_ids))} if asset_ids else set()
    return next((id for id in asset_ids if id not in known), None)


async def entries_of(tx: Tx, ticket_id: UUID) -> ColumnElement[bool]:
    """The conversation of one ticket and of those merged into it, as a condition on the entries' view."""
    parts = [row["id"] for row in await tx.fetch(_PARTS, ticket_id)]
    return view(TicketEntry).c.ticket_id.in_([ticket_id, *parts])


async def file_of(tx: Tx, ticket_id: UUID, file_id: str) -> dict[str, Any] | None:
    """A file of the conversation of one ticket and of those merged into it."""
    files = view(TicketEntry).c.files
    query = select(files).where(await entries_of(tx, ticket_id), files.contains([{"file_id": file_id}])).limit(1)
    found = (await tx.session.scalars(query)).first() or []
    return next((file for file in found if file.get("file_id") == file_id), None)


def entries_of_party(tx: Tx, party_id: UUID) -> ColumnElement[bool]:
    """The conversations of a party's tickets that the caller may see, as a condition on the entries' view."""
    tickets = view(Ticket)
    seen = reach(Ticket, tickets.c, tx.principal, tx.context.permission)
    return view(TicketEntry).c.ticket_id.in_(select(tickets.c.id).where(tickets.c.party_id == party_id, seen))


def links_of(tx: Tx, ticket_id: UUID) -> ColumnElement[bool]:
    """Links from and to a ticket whose other end the caller may see, as a condition on the links' view."""
    links, others = view(TicketLink).c, view(Ticket)
    seen = reach(Ticket, others.c, tx.principal, tx.context.permission)
    other_id = case((links.ticket_id == ticket_id, links.other_id), else_=links.ticket_id)
    other = select(others.c.id).where(others.c.id == other_id, seen).exists()
    return or_(links.ticket_id == ticket_id, links.other_id == ticket_id) & other


async def link_between(tx: Tx, ticket_id: UUID, other_id: UUID, kind: str) -> TicketLink | None:
    """The link of that kind from one ticket to another."""
    query = select(TicketLink).where(
        TicketLink.ticket_id == ticket_id, TicketLink.other_id == other_id, TicketLink.kind == kind
    )
    return (await tx.session.scalars(query)).one_or_none()


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


async def last_provider_id(tx: Tx, ticket_id: UUID, account_code: str) -> str:
    """The provider's name of what the requester wrote last through an account; empty when there is nothing."""
    parts = [row["id"] for row in await tx.fetch(_PARTS, ticket_id)]
    query = (
        select(TicketEntry.provider_id)
        .where(TicketEntry.ticket_id.in_([ticket_id, *parts]), TicketEntry.provider_id != "")
        .where(TicketEntry.account_code == account_code, TicketEntry.from_requester.is_(True))
        .order_by(TicketEntry.entry_time.desc(), TicketEntry.id.desc())
        .limit(1)
    )
    return (await tx.session.scalar(query)) or ""


async def entries_from(tx: Tx, ticket_id: UUID, entry_id: UUID) -> Sequence[TicketEntry]:
    """An entry of a ticket's own and those after it, oldest first; none when it has no such entry."""
    order = (TicketEntry.entry_time, TicketEntry.id)
    query = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id).order_by(*order).with_for_update()
    entries = (await tx.session.scalars(query)).all()
    at = next((number for number, entry in enumerate(entries) if entry.id == entry_id), None)
    return [] if at is None else entries[at:]


async def entries_by_ids(tx: Tx, ids: Collection[UUID]) -> Sequence[TicketEntry]:
    """The entries of these ids as they are now, held until the end of the transaction."""
    query = select(TicketEntry).where(TicketEntry.id.in_(ids)).order_by(TicketEntry.id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).all()


async def sends_astray(tx: Tx) -> tuple[int, list[str]]:
    """How many public answers were to go out, and those of which nobody has heard for an hour; notes that went out."""
    entry = view(TicketEntry)
    total = await tx.session.scalar(select(func.count()).select_from(entry).where(entry.c.send_state.is_not(None)))
    lost = (entry.c.send_state == "WAITING") & entry.c.handed_over.is_(False) & (entry.c.send_attempts == 0)
    private = entry.c.send_state.is_not(None) & ((entry.c.kind != "REPLY") | entry.c.from_requester.is_(True))
    old = entry.c.create_time < tx.now() - timedelta(hours=1)
    query = select(entry.c.id).where(private | (lost & old)).limit(20)
    return int(total or 0), [f"entry {id}" for id in (await tx.session.scalars(query)).all()]
