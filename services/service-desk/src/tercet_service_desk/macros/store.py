"""Queries of macros."""

from __future__ import annotations

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.scopes import reach
from tercet_service_desk.macros.model import Macro
from tercet_service_desk.tickets.model import Ticket


async def by_code(tx: Tx, code: str) -> Macro | None:
    """The macro of that code."""
    return (await tx.session.scalars(select(Macro).where(Macro.code == code))).one_or_none()


async def may(tx: Tx, ticket: Ticket, permission: str) -> bool:
    """Whether the caller holds a permission on a ticket as it stands in the database."""
    query = select(Ticket.id).where(Ticket.id == ticket.id, reach(Ticket, Ticket, tx.principal, permission))
    return bool(tx.principal.scopes(permission)) and (await tx.session.scalar(query)) is not None
