"""Queries of intake."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from tercet_chassis import Tx
from tercet_service_desk.intake.model import IntakeRule, TicketForm
from tercet_service_desk.intake.rules import Policy
from tercet_service_desk.tickets.model import Ticket, TicketEntry, TicketLink

_OPEN = ("NEW", "OPEN", "PENDING")


async def policy_for(tx: Tx, account_code: str) -> Policy:
    """How an account's messages are taken: by its own rule, else by the one for all, else as usual."""
    query = select(IntakeRule).where(IntakeRule.account_code.in_(["", account_code]))
    rules = (await tx.session.scalars(query.order_by(IntakeRule.account_code.desc()).limit(1))).all()
    return rules[0].policy() if rules else Policy()


async def form_by_code(tx: Tx, code: str) -> TicketForm | None:
    """The form of that code."""
    return (await tx.session.scalars(select(TicketForm).where(TicketForm.code == code))).one_or_none()


async def is_kept(tx: Tx, message_id: UUID) -> bool:
    """Whether a message stands on a ticket already."""
    return (await tx.session.scalar(select(TicketEntry.id).where(TicketEntry.id == message_id))) is not None


async def count_from(tx: Tx, key: str, since: datetime) -> int:
    """How much one sender wrote since then."""
    query = select(func.count()).where(TicketEntry.sender_key == key, TicketEntry.create_time >= since)
    return int(await tx.session.scalar(query) or 0)


async def count_through(tx: Tx, form_id: UUID, since: datetime) -> int:
    """How many tickets came through a form since then."""
    query = select(func.count()).where(Ticket.external_system == "ticket-form", Ticket.create_time >= since)
    return int(await tx.session.scalar(query.where(Ticket.external_id.startswith(f"{form_id}:"))) or 0)


async def id_by_number(tx: Tx, number: str) -> UUID | None:
    """The ticket of that number."""
    return await tx.session.scalar(select(Ticket.id).where(Ticket.number == number))


async def id_by_provider_id(tx: Tx, account_code: str, provider_id: str) -> UUID | None:
    """The ticket on which a message stands that came through the same account under that name."""
    query = select(TicketEntry.ticket_id).where(
        TicketEntry.provider_id == provider_id, TicketEntry.account_code == account_code
    )
    return await tx.session.scalar(query.order_by(TicketEntry.id).limit(1))


async def id_going_on(tx: Tx, key: str, since: datetime, solved_since: datetime) -> UUID | None:
    """The sender's newest ticket on which they wrote since then and that is open, or else was solved since the other
    moment.
    """
    wrote = select(TicketEntry.id).where(
        TicketEntry.ticket_id == Ticket.id, TicketEntry.from_requester.is_(True), TicketEntry.entry_time >= since
    )
    goes_on = or_(Ticket.state.in_(_OPEN), and_(Ticket.state == "SOLVED", Ticket.solve_time > solved_since))
    query = select(Ticket.id).where(Ticket.sender_key == key, goes_on, wrote.exists())
    return await tx.session.scalar(query.order_by(Ticket.state == "SOLVED", Ticket.create_time.desc()).limit(1))


async def id_newest_of(tx: Tx, key: str) -> UUID | None:
    """The ticket on which the sender wrote last, in whatever state it is."""
    query = select(TicketEntry.ticket_id).where(TicketEntry.sender_key == key)
    return await tx.session.scalar(query.order_by(TicketEntry.create_time.desc()).limit(1))


async def id_of_follow_up(tx: Tx, ticket_id: UUID) -> UUID | None:
    """The newest ticket that follows a ticket up."""
    query = select(TicketLink.ticket_id).where(TicketLink.other_id == ticket_id, TicketLink.kind == "FOLLOW_UP_OF")
    return await tx.session.scalar(query.order_by(TicketLink.id.desc()).limit(1))


async def whole(tx: Tx, ticket_id: UUID) -> Ticket | None:
    """The ticket that a ticket is part of today, itself when it is part of none; held until the end of the
    transaction.
    """
    ticket = await tx.find(Ticket, ticket_id, lock=True)
    while ticket is not None and ticket.merged_into_id is not None:
        ticket = await tx.find(Ticket, ticket.merged_into_id, lock=True)
    return ticket
