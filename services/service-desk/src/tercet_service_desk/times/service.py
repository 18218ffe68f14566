"""Times are recorded and never changed; the ticket holds their sum."""

from __future__ import annotations

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import ticket_time_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.entity import view
from tercet_chassis.invariants import finding
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.times import store
from tercet_service_desk.times.errors import TimeBelowZero
from tercet_service_desk.times.model import TicketTime

Finding = CheckInvariantsResponse.Finding


class TicketTimeService(Handlers):
    """Serves tercet.servicedesk.v1.TicketTimeService."""

    async def RecordTicketTime(self, request: pb.RecordTicketTimeRequest, tx: Tx) -> TicketTime:
        """Records time, also on a ticket that is closed. Refuses to take back more than there is."""
        ticket = await tx.get(Ticket, request.ticket_id, lock=True)
        if ticket.spent_minutes + request.minutes < 0:
            raise TimeBelowZero(number=ticket.number, minutes=ticket.spent_minutes)
        ticket.spent_minutes += request.minutes
        tx.emit(events.TicketUpdated, ticket)
        worked = {"user_id": tx.principal.user_id, "minutes": request.minutes, "note": request.note}
        return tx.add(TicketTime(ticket_id=ticket.id, **worked))

    async def ListTicketTimes(self, request: pb.ListTicketTimesRequest, tx: Tx) -> pb.ListTicketTimesResponse:
        """The times of one ticket, to whoever sees it."""
        ticket = await tx.get(Ticket, request.ticket_id)
        own = view(TicketTime).c.ticket_id == ticket.id
        answer = await tx.page(TicketTime, request, response=pb.ListTicketTimesResponse, where=[own])
        assert isinstance(answer, pb.ListTicketTimesResponse)
        return answer


@invariant
async def times_add_up(tx: Tx) -> Finding:
    """Every ticket's time is the sum of what was recorded."""
    checked, broken = await store.astray(tx)
    return finding("times.add_up", checked, broken)
