"""What strategies of trigger EVENT may wait for."""

from __future__ import annotations

from typing import Any

from tercet.leads.v1 import events_pb2 as leads
from tercet.marketing.v1 import events_pb2 as marketing
from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.transaction_service_pb2 import Transaction
from tercet.servicedesk.v1 import events_pb2 as desk
from tercet_chassis import Event
from tercet_chassis.contract import subject_of

EVENTS = (
    leads.LeadCreated, leads.LeadConverted, sales.CustomerCreated, sales.FirstOrderPlaced, sales.OrderConfirmed,
    sales.OrderFulfilled, sales.OrderCancelled, sales.OrderReturned, sales.TransactionRecorded,
    sales.CustomerValueChanged, desk.TicketOpened, desk.TicketSolved, marketing.MembershipCreated,
    marketing.TierChanged,
)  # fmt: skip


def event_name(subject: str) -> str:
    """A subject as people name it: `tercet.sales.order.confirmed.v1` is `sales.order.confirmed`."""
    return subject.removeprefix("tercet.").rpartition(".")[0]


HEARD = frozenset(event_name(subject_of(event)) for event in EVENTS)


def is_occasion(event: Event[Any]) -> bool:
    """Whether an event says that what its name promises happened: what takes a purchase back is recorded as the
    purchase is, and has events of its own.
    """
    told = event.message
    return not isinstance(told, sales.TransactionRecorded) or told.transaction.kind == Transaction.SALE
