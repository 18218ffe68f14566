"""Moving a ticket through the stages of its type, with everything that its states bring with them."""

from __future__ import annotations

from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_service_desk.tickets.errors import TicketMoveNotAllowed, TicketStageUnknown
from tercet_service_desk.tickets.jobs import watch
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.tickets.promises import DONE, check_kept, promises_of


async def move(tx: Tx, ticket: Ticket, stage_code: str, resolution: str) -> None:
    """Moves a ticket that this transaction holds. Refuses a stage that its type has not or does not lead to."""
    promises, before = await promises_of(tx, ticket), ticket.stage_code
    machine = promises.types.get(ticket.type_code)
    stage = machine.by_code.get(stage_code) if machine else None
    if machine is None or stage is None:
        raise TicketStageUnknown(type_code=ticket.type_code or "(none)", stage_code=stage_code)
    if not machine.may(before, stage_code):
        raise TicketMoveNotAllowed(number=ticket.number, stage_code=before, target=stage_code)
    now = tx.now()
    if stage.state == ticket.state:
        ticket.changeable()
    elif stage.state == "SOLVED":
        ticket.solve(now, resolution)
        await check_kept(tx, ticket)
        promises.solved()
        tx.emit(events.TicketSolved, ticket)
    elif stage.state == "CLOSED":
        ticket.close(now)
        await check_kept(tx, ticket)
        tx.emit(events.TicketClosed, ticket)
    else:
        if ticket.state in DONE:
            ticket.reopen(now)
            promises.reopened(now)
            tx.emit(events.TicketReopened, ticket, reason="moved")
        ticket.stand(stage.state)
        promises.stood()
    ticket.stage_code = stage_code
    watch(tx, promises)
    tx.emit(events.TicketMoved, ticket, from_stage_code=before)
