"""RPCs of routing beyond the free ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import routing_rule_service_pb2 as rules_pb
from tercet.servicedesk.v1 import ticket_route_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant, new_id
from tercet_chassis.conditions import understood
from tercet_chassis.invariants import finding
from tercet_chassis.showing import hidden_paths
from tercet_service_desk.agents.holding import hold
from tercet_service_desk.routing import store
from tercet_service_desk.routing.book import asked_of, read
from tercet_service_desk.routing.errors import TicketNotRoutable, TicketToJudgeMissing
from tercet_service_desk.routing.facts import TICKETS
from tercet_service_desk.routing.giving import route
from tercet_service_desk.routing.model import RoutingRule, TicketRoute
from tercet_service_desk.routing.rules import explain
from tercet_service_desk.routing.telling import told
from tercet_service_desk.tickets.model import Ticket

Finding = CheckInvariantsResponse.Finding


class RoutingRuleService(Handlers):
    """Serves tercet.servicedesk.v1.RoutingRuleService."""

    async def CreateRoutingRule(self, request: rules_pb.CreateRoutingRuleRequest, tx: Tx) -> RoutingRule:
        """Adds a rule. Refuses a condition that does not parse."""
        rule = await tx.create(RoutingRule, request.routing_rule)
        await understood(tx, TICKETS, "tickets", rule.condition or "", "routing_rule.condition")
        tx.emit(events.RoutingRuleCreated, rule)
        return rule

    async def UpdateRoutingRule(self, request: rules_pb.UpdateRoutingRuleRequest, tx: Tx) -> RoutingRule:
        """Changes a rule, with the same refusal."""
        rule = await tx.get(RoutingRule, request.routing_rule.id, etag=request.routing_rule.etag, lock=True)
        await tx.patch(rule, request.routing_rule, request.update_mask if request.HasField("update_mask") else None)
        await understood(tx, TICKETS, "tickets", rule.condition or "", "routing_rule.condition")
        tx.emit(events.RoutingRuleUpdated, rule)
        return rule


class TicketRouteService(Handlers):
    """Serves tercet.servicedesk.v1.TicketRouteService."""

    async def RouteTicket(self, request: pb.RouteTicketRequest, tx: Tx) -> TicketRoute:
        """Gives a ticket to an agent by the rules, or lets it wait. Refuses one that is solved or closed."""
        ticket = await tx.get(Ticket, request.id)
        if ticket.state in store.OVER:
            raise TicketNotRoutable(number=ticket.number, state=ticket.state)
        await route(tx, [ticket.id], asked=True, relieve=request.reassign)
        return (await store.routes(tx, [ticket.id]))[ticket.id]

    async def AssignTicketPastCapacity(self, request: pb.AssignTicketPastCapacityRequest, tx: Tx) -> Ticket:
        """Gives a ticket to an agent whose capacity is used up. Refuses one that is closed."""
        ticket = await tx.get(Ticket, request.id, etag=request.etag, lock=True)
        assignee = UUID(request.assignee_id)
        ticket.assign(assignee, UUID(request.unit_id) if request.unit_id else None, tx.now())
        await hold(tx, ticket.id, assignee, (ticket.type_code, ticket.priority), past_capacity=True)
        tx.emit(events.TicketAssigned, ticket)
        return ticket

    async def DryRunRouting(self, request: pb.DryRunRoutingRequest, tx: Tx) -> pb.RoutingDecision:
        """Who would get a ticket now, and why. Changes nothing. Refuses a request that names none or two."""
        if bool(request.ticket_id) == request.HasField("ticket"):
            raise TicketToJudgeMissing()
        row: Any = await tx.get(Ticket, request.ticket_id) if request.ticket_id else _described(tx, request)
        book = await read(tx)
        last = await store.last_agents(tx, [row.party_id]) if book.sticky and row.party_id else {}
        ticket = book.ticket(row, row, last)
        hidden = await hidden_paths(tx, Ticket)
        return told(
            *explain(ticket, book.judged(asked_of(row)), book.agents, book.board, hidden), ticket.weight, tx.now()
        )


def _described(tx: Tx, request: pb.DryRunRoutingRequest) -> SimpleNamespace:
    """A ticket that is not there, as far as it was told."""
    known: dict[str, Any] = {column.key: None for column in Ticket.__mapper__.column_attrs}
    known |= tx.runtime.bindings.of(Ticket).values(request.ticket, creating=True)
    known |= {"id": known["id"] or new_id(), "unit_id": known["unit_id"] or tx.principal.unit_id, "state": "NEW"}
    known |= {"create_time": tx.now(), "priority": known["priority"] or "NORMAL", "custom": known["custom"] or {}}
    return SimpleNamespace(**known)


@invariant
async def routes_true(tx: Tx) -> Finding:
    """Every route and every holder say what the ticket says, ten minutes after it changed at the latest."""
    total, broken = await store.count_astray(tx)
    return finding("routing.routes_true", total, broken)
