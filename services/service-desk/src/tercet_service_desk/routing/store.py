"""Queries of routing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_service_desk.routing.facts import FIELDS
from tercet_service_desk.routing.model import WAITING, RoutingRule, TicketRoute
from tercet_service_desk.routing.rules import RANKS
from tercet_service_desk.tickets.model import Ticket

OVER = ("SOLVED", "CLOSED")


async def lock_routing(tx: Tx) -> None:
    """Decisions of one tenant wait for each other until the end of the transaction: a ticket that begins to wait and an
    agent who becomes free at the same moment must not miss each other.
    """
    await tx.hold("routing", ["decisions"])


async def active_rules(tx: Tx) -> Sequence[RoutingRule]:
    """The rules in force, in the order in which they are asked."""
    query = select(RoutingRule).where(RoutingRule.active.is_(True)).order_by(RoutingRule.priority, RoutingRule.code)
    return (await tx.session.scalars(query)).all()


async def lock_tickets(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Ticket]:
    """Tickets as they are now, held until the end of the transaction."""
    if not ids:
        return {}
    query = select(Ticket).where(Ticket.id.in_(ids)).order_by(Ticket.id).with_for_update()
    rows = await tx.session.scalars(query.execution_options(populate_existing=True))
    return {ticket.id: ticket for ticket in rows}


async def routes(tx: Tx, ids: Collection[UUID]) -> dict[UUID, TicketRoute]:
    """The routes of these tickets, where there are some."""
    if not ids:
        return {}
    query = select(TicketRoute).where(TicketRoute.id.in_(ids)).execution_options(populate_existing=True)
    return {route.id: route for route in await tx.session.scalars(query)}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a waiting ticket stands in the queue."""

    rank: int
    turn_time: datetime
    id: UUID


def place_of(route: Any) -> Place:
    """The place of a route, or of a row with its columns."""
    return Place(route.rank, route.turn_time, route.id)


async def waiting(tx: Tx, after: Place | None, limit: int) -> Sequence[Any]:
    """Waiting tickets in the order in which they are served, behind a place: the columns that conditions may ask for,
    and those of the route.
    """
    route, ticket = view(TicketRoute), view(Ticket)
    columns = [ticket.c[path] for path in FIELDS if path not in ("id", "state")]
    columns += [ticket.c.id, ticket.c.state, ticket.c.custom]
    columns += [route.c.rank, route.c.turn_time, route.c.home_user_id, route.c.not_user_id]
    order = (route.c.rank, route.c.turn_time, route.c.id)
    query = select(*columns).select_from(route.join(ticket, ticket.c.id == route.c.id))
    query = (
        query.where(route.c.state == WAITING, ticket.c.state.not_in(OVER), ticket.c.assign_time.is_(None))
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(after.rank, after.turn_time, after.id))
    return (await tx.session.execute(query)).all()


async def last_agents(tx: Tx, party_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Who served these parties last."""
    ticket = view(Ticket)
    query = (
        select(ticket.c.party_id, ticket.c.owner_id)
        .ext(distinct_on(ticket.c.party_id))
        .where(ticket.c.party_id.in_(party_ids), ticket.c.assign_time.is_not(None), ticket.c.owner_id.is_not(None))
        .order_by(ticket.c.party_id, ticket.c.assign_time.desc())
    )
    return dict((await tx.session.execute(query)).all())


async def astray(tx: Tx, limit: int) -> Sequence[UUID]:
    """Tickets whose route or holder does not say what the ticket says: their event has not come, or came to nothing."""
    rows = await tx.session.execute(_ASTRAY.bindparams(before=tx.now() - timedelta(minutes=1), limit=limit))
    return [row.id for row in rows]


async def count_astray(tx: Tx) -> tuple[int, list[str]]:
    """How many tickets have a route, and those that have been astray for long."""
    total = await tx.session.scalar(select(func.count()).select_from(view(TicketRoute)))
    rows = await tx.session.execute(_ASTRAY.bindparams(before=tx.now() - timedelta(minutes=10), limit=20))
    return int(total or 0), [f"ticket {row.id}" for row in rows]


_ASTRAY = text(
    "SELECT t.id FROM fenced.tickets t JOIN fenced.ticket_routes r USING (id) "
    "LEFT JOIN fenced.held_tickets h USING (id) WHERE t.update_time < :before AND ("
    " (t.state IN ('SOLVED', 'CLOSED') AND (r.state <> 'ENDED' OR h.id IS NOT NULL))"
    " OR (t.state NOT IN ('SOLVED', 'CLOSED') AND (r.state = 'ENDED'"
    "  OR (t.assign_time IS NULL) <> (r.state = 'WAITING')"
    "  OR (r.state = 'ASSIGNED' AND h.user_id IS DISTINCT FROM t.owner_id)))"
    ") LIMIT :limit"
)


_STANDING = (
    "SELECT EXISTS (SELECT FROM fenced.routing_rules WHERE active) AS rules,"
    " EXISTS (SELECT FROM fenced.ticket_routes WHERE state = 'WAITING') AS waits,"
    " ARRAY(SELECT id FROM fenced.ticket_routes WHERE id = ANY($1::uuid[])"
    " UNION SELECT id FROM fenced.held_tickets WHERE id = ANY($1::uuid[])) AS known,"
    " ARRAY(SELECT t.id FROM fenced.tickets t JOIN fenced.ticket_routes r USING (id)"
    " JOIN fenced.held_tickets h USING (id) WHERE t.id = ANY($1::uuid[]) AND t.state NOT IN ('SOLVED', 'CLOSED')"
    " AND t.assign_time IS NOT NULL AND h.user_id = t.owner_id AND r.state = 'ASSIGNED'"
    " AND r.rank = coalesce(array_position($2::text[], t.priority) - 1, $3)"
    " AND (r.due_time, r.unit_id, r.partner_party_id)"
    " IS NOT DISTINCT FROM (t.next_due_time, t.unit_id, t.partner_party_id)) AS true"
)
_BY_RANK = sorted(RANKS, key=RANKS.__getitem__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether any rule is in force, whether any ticket waits, which of some tickets are held or have a route, and of
    which somebody's ticket the route says what the ticket says.
    """

    rules: bool
    waits: bool
    known: Sequence[UUID]
    true: Collection[UUID]


async def standing(tx: Tx, ids: Collection[UUID]) -> Standing:
    """How routing stands, in one look: where nothing is routed, a ticket costs routing no more."""
    (row,) = await tx.fetch(_STANDING, list(ids), _BY_RANK, RANKS["NORMAL"])
    return Standing(row["rules"], row["waits"], row["known"], frozenset(row["true"]))


async def unrouted(tx: Tx, limit: int) -> Sequence[UUID]:
    """Open tickets that nobody has and that were opened before there were rules, oldest first."""
    route, ticket = view(TicketRoute), view(Ticket)
    query = (
        select(ticket.c.id)
        .select_from(ticket.outerjoin(route, route.c.id == ticket.c.id))
        .where(ticket.c.state.not_in(OVER), ticket.c.assign_time.is_(None), route.c.id.is_(None))
        .order_by(ticket.c.create_time)
        .limit(limit)
    )
    return (await tx.session.scalars(query)).all()
