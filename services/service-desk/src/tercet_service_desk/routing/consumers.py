"""What makes tickets wait or agents free is followed here, whoever did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as of
from tercet_chassis import Event, Tx, effect
from tercet_service_desk.routing import store
from tercet_service_desk.routing.giving import route

_RULES = {of.RoutingRuleCreated.DESCRIPTOR.full_name, of.RoutingRuleUpdated.DESCRIPTOR.full_name}
# Tickets from before there were rules; the others come with the look by the clock.
_AT_ONCE = 500


# One handler for all of it: what comes together is decided in one turn, with its locks taken once.
@effect(
    of.TicketOpened,
    of.TicketUpdated,
    of.TicketAssigned,
    of.TicketSolved,
    of.TicketReopened,
    of.TicketClosed,
    of.AgentCreated,
    of.AgentUpdated,
    of.AgentPresenceChanged,
    of.RoutingRuleCreated,
    of.RoutingRuleUpdated,
    of.RoutingRuleDeleted,
)
async def follow(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Routes the tickets that changed, and serves those that wait."""
    tickets = {UUID(event.message.ticket.id) for event in events if event.message.DESCRIPTOR.fields[0].name == "ticket"}
    if any(event.message.DESCRIPTOR.full_name in _RULES for event in events):
        tickets |= set(await store.unrouted(tx, _AT_ONCE))
    await route(tx, sorted(tickets))
