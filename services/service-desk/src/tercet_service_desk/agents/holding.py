"""Who holds a ticket: capacity is taken and given back here, under the agent's lock."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis import Tx
from tercet_service_desk.agents import store
from tercet_service_desk.agents.errors import AgentAtCapacity
from tercet_service_desk.agents.model import HeldTicket


async def hold(tx: Tx, ticket_id: UUID, user_id: UUID, kind: tuple[str, str], *, past_capacity: bool = False) -> None:
    """Gives a ticket of this type and priority to a user by hand. Refuses an agent without room for it, unless
    `past_capacity`.

    The caller has locked the ticket. A user who is no agent has no capacity to be past.
    """
    agents = await store.lock_agents(tx, [user_id])
    known = (await store.held(tx, [ticket_id])).get(ticket_id)
    weight = (await store.weights(tx)).of(*kind)
    over = False
    if agents and (known is None or known.user_id != user_id):
        load = (await store.loads(tx, [user_id])).get(user_id, 0)
        over = load + weight > agents[0].capacity
        if over and not past_capacity:
            raise AgentAtCapacity(load=load, capacity=agents[0].capacity, weight=weight)
        await store.took(tx, {agents[0].id: tx.now()})
    if known is None:
        known = HeldTicket(id=ticket_id, user_id=user_id, weight=weight, hold_time=tx.now())
        tx.add(known)
    elif known.user_id == user_id:
        return
    known.user_id, known.weight, known.hold_time = user_id, weight, tx.now()
    known.by_hand, known.past_capacity = True, over
    await tx.flush()
