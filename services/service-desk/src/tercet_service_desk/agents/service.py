"""RPCs of agents beyond the free ones."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import agent_service_pb2 as pb
from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_service_desk.agents import store
from tercet_service_desk.agents.errors import AgentHasTickets
from tercet_service_desk.agents.model import Agent

Finding = CheckInvariantsResponse.Finding


class AgentService(Handlers):
    """Serves tercet.servicedesk.v1.AgentService."""

    async def CreateAgent(self, request: pb.CreateAgentRequest, tx: Tx) -> pb.Agent:
        """Makes a user an agent. Refuses a user who is one and a skill that is named twice."""
        agent = await tx.create(Agent, request.agent)
        agent.owner_id = agent.user_id
        agent.check_skills()
        await tx.flush()
        tx.emit(events.AgentCreated, agent)
        return await _loaded(tx, agent)

    async def GetAgent(self, request: pb.GetAgentRequest, tx: Tx) -> pb.Agent:
        """One agent with the load of the moment."""
        return await _loaded(tx, await tx.get(Agent, request.id))

    async def ListAgents(self, request: pb.ListAgentsRequest, tx: Tx) -> pb.ListAgentsResponse:
        """A page of agents, each with the load of the moment."""
        response = await tx.page(Agent, request, response=pb.ListAgentsResponse)
        assert isinstance(response, pb.ListAgentsResponse)
        await _load(tx, response.agents)
        return response

    async def UpdateAgent(self, request: pb.UpdateAgentRequest, tx: Tx) -> pb.Agent:
        """Changes an agent. Refuses a skill that is named twice."""
        # The lock keeps the capacity still while somebody counts against it.
        agent = await tx.get(Agent, request.agent.id, etag=request.agent.etag, lock=True)
        before = agent.capacity
        await tx.patch(agent, request.agent, request.update_mask if request.HasField("update_mask") else None)
        agent.check_skills()
        if agent.capacity < before:
            agent.lowered_time = tx.now()
        await tx.flush()
        tx.emit(events.AgentUpdated, agent)
        return await _loaded(tx, agent)

    async def DeleteAgent(self, request: pb.DeleteAgentRequest, tx: Tx) -> Empty:
        """Takes an agent off the desk. Refused while there are open tickets."""
        agent = await tx.get(Agent, request.id, etag=request.etag, lock=True)
        _, count = (await store.counts(tx, [agent.user_id])).get(agent.user_id, (0, 0))
        if count:
            raise AgentHasTickets(count=count)
        tx.emit(events.AgentDeleted, agent)
        await tx.delete(agent)
        return Empty()

    async def SetAgentPresence(self, request: pb.SetAgentPresenceRequest, tx: Tx) -> pb.Agent:
        """Says whether an agent takes new tickets."""
        agent = await tx.get(Agent, request.id, etag=request.etag, lock=True)
        if agent.set_presence(pb.Agent.Presence.Name(request.presence), request.note, tx.now()):
            await tx.flush()
            tx.emit(events.AgentPresenceChanged, agent)
        return await _loaded(tx, agent)


async def _loaded(tx: Tx, agent: Agent) -> pb.Agent:
    await tx.flush()
    message = tx.render(agent)
    assert isinstance(message, pb.Agent)
    await _load(tx, [message])
    return message


async def _load(tx: Tx, messages: Iterable[pb.Agent]) -> None:
    known = await store.counts(tx, [UUID(message.user_id) for message in messages])
    for message in messages:
        message.load, message.ticket_count = known.get(UUID(message.user_id), (0, 0))


@invariant
async def capacity_kept(tx: Tx) -> Finding:
    """No agent has more than the capacity allows, except by hand."""
    total, broken = await store.overloaded(tx)
    return finding("agents.capacity_kept", total, broken)
