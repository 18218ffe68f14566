"""The gateway announces employees; whoever left gets no tickets any more."""

from __future__ import annotations

from uuid import UUID

from tercet.gateway.v1.events_pb2 import EmployeeDeleted, EmployeeUpdated
from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Tx, projection
from tercet_service_desk.agents import store
from tercet_service_desk.agents.rules import OFFLINE


@projection(EmployeeUpdated, EmployeeDeleted)
async def relieve(event: EmployeeUpdated | EmployeeDeleted, tx: Tx) -> None:
    """Sets an agent to OFFLINE who no longer works in the agent's unit; the open tickets stay until others get them."""
    employee = event.employee
    if not employee.user_id or (employee.active and isinstance(event, EmployeeUpdated)):
        return
    for agent in await store.lock_agents(tx, [UUID(employee.user_id)]):
        elsewhere = agent.unit_id is not None and str(agent.unit_id) != employee.unit_id
        if not elsewhere and agent.presence != OFFLINE and agent.set_presence(OFFLINE, "", tx.now()):
            tx.emit(events.AgentPresenceChanged, agent)
