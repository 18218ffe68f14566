"""What strategies of trigger EVENT may wait for."""

from __future__ import annotations

from tercet.leads.v1 import events_pb2 as leads
from tercet.sales.v1 import events_pb2 as sales
from tercet.servicedesk.v1 import events_pb2 as desk
from tercet_chassis.contract import subject_of

EVENTS = (
    leads.LeadCreated, leads.LeadConverted, sales.CustomerCreated, sales.FirstOrderPlaced, sales.OrderConfirmed,
    sales.OrderFulfilled, sales.OrderCancelled, sales.OrderReturned, sales.CustomerValueChanged, desk.TicketOpened,
    desk.TicketSolved,
)  # fmt: skip


def event_name(subject: str) -> str:
    """A subject as people name it: `tercet.sales.order.confirmed.v1` is `sales.order.confirmed`."""
    return subject.removeprefix("tercet.").rpartition(".")[0]


HEARD = frozenset(event_name(subject_of(event)) for event in EVENTS)
