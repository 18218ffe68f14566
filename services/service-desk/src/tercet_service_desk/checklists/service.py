"""What was promised to a ticket's requester, and what became of it."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import ticket_promise_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_service_desk.promised import store
from tercet_service_desk.promised.errors import PromiseNotOnTicket
from tercet_service_desk.promised.model import PromisedItem, PromiseSetAside
from tercet_service_desk.tickets.model import Ticket


class TicketPromiseService(Handlers):
    """Serves tercet.servicedesk.v1.TicketPromiseService."""

    async def ListTicketPromises(self, request: pb.ListTicketPromisesRequest, tx: Tx) -> pb.ListTicketPromisesResponse:
        """What was promised, the open ones first."""
        ticket = await tx.get(Ticket, request.ticket_id)
        aside = await store.set_aside(tx, ticket.id)
        items = await store.of_party(tx, ticket.party_id)
        return pb.ListTicketPromisesResponse(promises=[_line(item, aside, ticket) for item in items])

    async def KeepTicketPromise(self, request: pb.KeepTicketPromiseRequest, tx: Tx) -> pb.TicketPromise:
        """Ticks it off. Refuses what is none of the requester's open ones."""
        ticket, item = await _open_item(tx, request.ticket_id, request.promise_id)
        item.keep_time = tx.now()
        tx.emit(events.TicketPromiseKept, ticket, promise_id=str(item.id))
        return _line(item, set(), ticket)

    async def SetTicketPromiseAside(self, request: pb.SetTicketPromiseAsideRequest, tx: Tx) -> pb.TicketPromise:
        """It is no matter of this ticket. The same refusal."""
        ticket, item = await _open_item(tx, request.ticket_id, request.promise_id)
        aside = await store.set_aside(tx, ticket.id)
        if item.id not in aside:
            tx.add(PromiseSetAside(ticket_id=ticket.id, promise_id=item.id))
        return _line(item, aside | {item.id}, ticket)


async def _open_item(tx: Tx, ticket_id: str, promise_id: str) -> tuple[Ticket, PromisedItem]:
    ticket = await tx.get(Ticket, ticket_id, lock=True)
    item = await tx.find(PromisedItem, UUID(promise_id), lock=True)
    if item is None or not item.open or item.party_id != ticket.party_id:
        raise PromiseNotOnTicket(number=ticket.number)
    return ticket, item


def _line(item: PromisedItem, aside: set[UUID], ticket: Ticket) -> pb.TicketPromise:
    line = pb.TicketPromise(
        promise_id=str(item.id),
        text=item.text,
        due_date=item.due_date.isoformat() if item.due_date else "",
        order_id=str(item.order_id or ""),
        promised_by_id=str(item.promised_by_id or ""),
        kept=not item.open,
        carried=store.carried(item, aside, ticket.order_id),
    )
    if item.keep_time is not None:
        line.keep_time.FromDatetime(item.keep_time)
    return line
