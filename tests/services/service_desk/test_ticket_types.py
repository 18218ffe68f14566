"""Ticket types with stages of their own: a state machine for each."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_type_service_pb2 as types
from tercet_chassis.testing import Client, refused

State = pb.Ticket.State


def stage(code: str, state: Any, *next_codes: str) -> types.TicketStage:
    return types.TicketStage(code=code, display_name=code, state=state, next_codes=next_codes)


# 待检 -> 检测 -> 等配件 -> 修好 -> 取走; nothing is repaired before it was examined.
STAGES = [
    stage("received", State.NEW, "examining"),
    stage("examining", State.OPEN, "waiting_parts", "repaired"),
    stage("waiting_parts", State.PENDING, "examining"),
    stage("repaired", State.SOLVED, "collected", "examining"),
    stage("collected", State.CLOSED),
]


async def repair(desk: Client, stages: Any = None) -> types.TicketType:
    kind = types.TicketType(code="repair", display_name="维修 Repair", stages=STAGES if stages is None else stages)
    made: types.TicketType = await desk.CreateTicketType(types.CreateTicketTypeRequest(ticket_type=kind))
    return made


async def opened(desk: Client, type_code: str = "repair") -> pb.Ticket:
    ticket = pb.Ticket(subject="冰箱", type_code=type_code)
    made: pb.Ticket = await desk.CreateTicket(pb.CreateTicketRequest(ticket=ticket))
    return made


async def moved(desk: Client, ticket: pb.Ticket, code: str) -> pb.Ticket:
    found: pb.Ticket = await desk.MoveTicket(pb.MoveTicketRequest(id=ticket.id, stage_code=code))
    return found


async def test_ticket_goes_through_the_stages_of_its_type(service_desk: Client) -> None:
    await repair(service_desk)
    ticket = await opened(service_desk)
    assert (ticket.stage_code, ticket.state) == ("received", State.NEW)
    for code, state in (("examining", State.OPEN), ("waiting_parts", State.PENDING), ("examining", State.OPEN)):
        ticket = await moved(service_desk, ticket, code)
        assert (ticket.stage_code, ticket.state) == (code, state)
    solved = await moved(service_desk, ticket, "repaired")
    assert (solved.state, solved.HasField("solve_time")) == (State.SOLVED, True)
    again = await moved(service_desk, ticket, "examining")
    assert (again.state, again.reopen_count) == (State.OPEN, 1)


async def test_ways_that_the_type_has_not_are_refused(service_desk: Client) -> None:
    await repair(service_desk)
    ticket = await opened(service_desk)
    with refused("TICKET_MOVE_NOT_ALLOWED", "stage_code"):
        await moved(service_desk, ticket, "repaired")
    with refused("TICKET_MOVE_NOT_ALLOWED"):
        await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    with refused("TICKET_STAGE_UNKNOWN", "stage_code"):
        await moved(service_desk, ticket, "lost")
    with refused("TICKET_TYPE_UNKNOWN", "ticket.type_code"):
        await opened(service_desk, "gossip")


async def test_stage_follows_what_happens_by_itself(service_desk: Client) -> None:
    await repair(service_desk)
    ticket = await opened(service_desk)
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="请寄来", pending=True))
    waiting = await service_desk.GetTicket(pb.GetTicketRequest(id=ticket.id))
    assert (waiting.stage_code, waiting.state) == ("waiting_parts", State.PENDING)
    other = await opened(service_desk)
    await service_desk.MergeTicket(pb.MergeTicketRequest(id=ticket.id, into_id=other.id))
    apart = await service_desk.UnmergeTicket(pb.UnmergeTicketRequest(id=ticket.id))
    assert (apart.stage_code, apart.state) == ("waiting_parts", State.PENDING)


async def test_stage_with_open_tickets_stays(service_desk: Client) -> None:
    kind = await repair(service_desk)
    await opened(service_desk)
    renamed = [stage("arrived", State.NEW), *[stage(item.code, item.state) for item in STAGES[1:]]]
    with refused("TICKET_STAGE_IN_USE", "ticket_type.stages"):
        await service_desk.UpdateTicketType(
            types.UpdateTicketTypeRequest(ticket_type=types.TicketType(id=kind.id, stages=renamed))
        )
    with refused("TICKET_STAGE_IN_USE"):
        await service_desk.DeleteTicketType(types.DeleteTicketTypeRequest(id=kind.id))


@pytest.mark.parametrize(
    ("stages", "field"),
    [
        ([*STAGES, stage("received", State.NEW)], "ticket_type.stages[5].code"),
        ([*STAGES, stage("lost", State.OPEN, "nowhere")], "ticket_type.stages[5].next_codes[0]"),
        ([*STAGES[:4], stage("gone", State.SOLVED)], "ticket_type.stages"),
    ],
)
async def test_what_no_ticket_could_go_through_is_refused(service_desk: Client, stages: Any, field: str) -> None:
    with refused("TICKET_TYPE_INVALID", field):
        await repair(service_desk, stages)
