"""Facts are kept from what the other services tell, each event once; old ones that are imported count as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as leads
from tercet.marketing.v1 import events_pb2 as marketing
from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.activity_service_pb2 import Activity
from tercet.sales.v1.transaction_service_pb2 import Transaction
from tercet.servicedesk.v1 import events_pb2 as servicedesk
from tercet_chassis import Event, Tx, derived_id, effect
from tercet_marketing.facts import rules, store
from tercet_marketing.facts.rules import Told

_KEPT = ("live", "import")
_ACTIVITIES = {Activity.CALL: "call", Activity.MEETING: "meeting", Activity.VISIT: "visit", Activity.MESSAGE: "message"}


@effect(leads.LeadCreated, leads.LeadTouched, origins=_KEPT)
async def record_touch(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Somebody came to us: a lead was made, or touched again."""
    told = []
    for event in events:
        lead = event.message.lead
        again = event.message.DESCRIPTOR.name == "LeadTouched"
        when = _moment(lead, "last_touch_time" if again else "occur_time") or event.meta.occur_time
        about = event.message.touch_id if again else lead.id
        source = (lead.last_source_code if again else "") or lead.source_code
        told.append(_told("touch", about, lead, when, code=source))
    await _record(tx, told)


@effect(sales.TransactionRecorded, origins=_KEPT)
async def record_transaction(events: Sequence[Event[Any]], tx: Tx) -> None:
    """A sale, and what is taken back of it later, are one order; goods that came back are also a return."""
    told = []
    for event in events:
        done = event.message.transaction
        when = _moment(done, "occur_time") or event.meta.occur_time
        worth = done.reporting_amount if done.reporting_amount.amount else done.amount
        amount = Decimal(worth.amount or "0")
        products = tuple(sorted({line.product_code for line in done.lines if line.product_code}))
        told.append(_told("order", done.sale_id, done, when, worth.currency_code, amount, products))
        if done.kind == Transaction.RETURN:
            told.append(_told("return", done.id, done, when, worth.currency_code, -amount, products))
    await _record(tx, told)


@effect(sales.ActivityCompleted, origins=_KEPT)
async def record_activity(events: Sequence[Event[Any]], tx: Tx) -> None:
    """A call, meeting, visit or message with somebody is done; tasks and notes are our own business."""
    told = []
    for event in events:
        activity = event.message.activity
        kind = _ACTIVITIES.get(activity.kind)
        if kind is not None and activity.identity_id and activity.party_id:
            told.append(_told(kind, activity.id, activity, _moment(activity, "done_time") or event.meta.occur_time))
    await _record(tx, told)


@effect(servicedesk.TicketOpened, origins=_KEPT)
async def record_ticket(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Somebody asked for help."""
    told = []
    for event in events:
        ticket = event.message.ticket
        if ticket.identity_id and ticket.party_id:
            when = _moment(ticket, "create_time") or event.meta.occur_time
            told.append(_told("ticket", ticket.id, ticket, when, code=ticket.type_code))
    await _record(tx, told)


def _told(
    kind: str,
    about: str,
    someone: Any,
    when: datetime,
    currency: str = "",
    amount: Decimal | None = None,
    products: tuple[str, ...] = (),
    *,
    code: str = "",
) -> Told:
    return Told(
        id=derived_id("fact", kind, about),
        identity_id=UUID(someone.identity_id),
        party_id=UUID(someone.party_id),
        kind=kind,
        fact_time=when,
        code=code,
        amount=amount,
        currency=currency or None,
        product_codes=products,
    )


async def _record(tx: Tx, told: Iterable[Told]) -> None:
    facts = rules.joined(told)
    if facts:
        for fact in await store.keep(tx, facts):
            tx.emit(marketing.FactRecorded, fact)


def _moment(message: Any, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None
