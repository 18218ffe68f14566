"""Queries over agents and what they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_service_desk.agents.model import Agent, HeldTicket, WorkWeight
from tercet_service_desk.agents.rules import Weights


async def weights(tx: Tx) -> Weights:
    """The tenant's weights."""
    rows = (await tx.session.execute(select(WorkWeight.type_code, WorkWeight.priority, WorkWeight.weight))).all()
    return Weights({(row.type_code, row.priority): row.weight for row in rows})


async def all_agents(tx: Tx) -> Sequence[Agent]:
    """Everybody on the desk."""
    return (await tx.session.scalars(select(Agent).order_by(Agent.id))).all()


async def lock_agents(tx: Tx, user_ids: Collection[UUID]) -> Sequence[Agent]:
    """The agents who are these users, as they are now, held until the end of the transaction.

    Whoever changes what an agent holds has this lock, and takes several in the order of their ids.
    """
    query = select(Agent).where(Agent.user_id.in_(user_ids)).order_by(Agent.id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).all()


async def loads(tx: Tx, user_ids: Collection[UUID] | None = None) -> dict[UUID, int]:
    """What users hold, by weight."""
    held = view(HeldTicket)
    query = select(held.c.user_id, func.sum(held.c.weight)).group_by(held.c.user_id)
    if user_ids is not None:
        query = query.where(held.c.user_id.in_(user_ids))
    return {user: int(weight) for user, weight in (await tx.session.execute(query)).all()}


async def counts(tx: Tx, user_ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """What users hold: weight and number of tickets."""
    held = view(HeldTicket)
    query = select(held.c.user_id, func.sum(held.c.weight), func.count()).where(held.c.user_id.in_(user_ids))
    rows = (await tx.session.execute(query.group_by(held.c.user_id))).all()
    return {user: (int(weight), int(count)) for user, weight, count in rows}


async def held(tx: Tx, ticket_ids: Collection[UUID]) -> dict[UUID, HeldTicket]:
    """Who holds these tickets."""
    query = select(HeldTicket).where(HeldTicket.id.in_(ticket_ids)).execution_options(populate_existing=True)
    return {row.id: row for row in await tx.session.scalars(query)}


async def let_go(tx: Tx, ticket_ids: Collection[UUID]) -> None:
    """Nobody holds these tickets any more."""
    if not ticket_ids:
        return
    await tx.session.execute(delete(HeldTicket).where(HeldTicket.id.in_(ticket_ids)))


_TOOK = (
    "UPDATE agents SET last_assign_time = told.turn FROM unnest($1::uuid[], $2::timestamptz[]) AS told(id, turn)"
    " WHERE agents.id = told.id"
)


async def took(tx: Tx, turns: Mapping[UUID, datetime]) -> None:
    """When each agent's last ticket was given. Past the entity: the next etag of an agent is not due to a ticket."""
    if turns:
        await tx.fetch(_TOOK, list(turns), list(turns.values()))


# Over capacity without a reason: more is held than the agent can look after, and the rules gave something since
# somebody last gave past the capacity, lowered it, or made the user an agent.
_OVERLOADED = text(
    "SELECT a.id, sum(h.weight) AS load, a.capacity FROM fenced.agents a JOIN fenced.held_tickets h USING (user_id) "
    "GROUP BY a.id, a.capacity, a.create_time, a.lowered_time HAVING sum(h.weight) > a.capacity "
    "AND max(h.hold_time) FILTER (WHERE NOT h.by_hand) > greatest(a.create_time, a.lowered_time, "
    "max(h.hold_time) FILTER (WHERE h.past_capacity)) LIMIT 20"
)


async def overloaded(tx: Tx) -> tuple[int, list[str]]:
    """How many agents there are, and those whom the rules gave more than they can look after."""
    total = await tx.session.scalar(select(func.count()).select_from(view(Agent)))
    broken = (await tx.session.execute(_OVERLOADED)).all()
    return int(total or 0), [f"agent {row.id}: {row.load} of {row.capacity}" for row in broken]
