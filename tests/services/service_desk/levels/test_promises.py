"""Service levels on the real service: chosen, counted, escalated once, explained and recalculated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.chassis.v1 import operation_service_pb2 as operations
from tercet.servicedesk.v1 import calendar_service_pb2 as calendars
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused
from tercet_service_desk.tickets.jobs import run_clocks
from tercet_service_desk.tickets.model import Ticket

Kind, State, Action = pb.TicketClock, pb.TicketClock, levels.EscalationStep
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(service_desk: Client) -> Iterator[Any]:
    """Business time that stands still; real again at the end."""
    clock = service_desk.running.runtime.clock
    clock.advance(clock.now())
    yield clock
    clock.release()


def targets(*minutes: tuple[Any, int]) -> list[levels.ServiceTarget]:
    return [levels.ServiceTarget(clock=kind, minutes=amount) for kind, amount in minutes]


async def level(desk: Client, code: str = "gold", **values: Any) -> levels.ServiceLevel:
    given: dict[str, Any] = {
        "targets": targets((Kind.FIRST_REPLY, 60), (Kind.NEXT_REPLY, 120), (Kind.SOLVE, 480)),
        "active": True,
        **values,
    }
    made: levels.ServiceLevel = await desk.CreateServiceLevel(
        levels.CreateServiceLevelRequest(service_level=levels.ServiceLevel(code=code, display_name=code, **given))
    )
    return made


async def opened(desk: Client, **values: Any) -> pb.Ticket:
    ticket = pb.Ticket(subject="空调不制冷", **values)
    made: pb.Ticket = await desk.CreateTicket(pb.CreateTicketRequest(ticket=ticket))
    return made


async def read(desk: Client, ticket: pb.Ticket) -> pb.Ticket:
    found: pb.Ticket = await desk.GetTicket(pb.GetTicketRequest(id=ticket.id))
    return found


def instant(timestamp: Any) -> datetime:
    found: datetime = timestamp.ToDatetime(tzinfo=UTC)
    return found


async def told(desk: Client, event: str, ticket: pb.Ticket) -> int:
    """How often an event about the ticket was announced."""
    query = text("SELECT count(*) FROM outbox WHERE resource_id = :id AND subject LIKE :subject")
    async with desk.running.runtime.database.connection() as connection:
        rows = await connection.execute(query, {"id": ticket.id, "subject": f"%{event}%"})
        return int(rows.scalar_one())


async def test_open_ticket_is_due_by_its_level(service_desk: Client, clock: Any) -> None:
    await level(service_desk)
    ticket = await opened(service_desk)
    assert (ticket.service_level_code, ticket.first_reply_clock) == ("gold", State.RUNNING)
    assert instant(ticket.first_reply_due_time) == clock.now() + 60 * MINUTE
    assert instant(ticket.solve_due_time) == clock.now() + 480 * MINUTE
    assert ticket.next_due_time == ticket.first_reply_due_time
    assert ticket.next_reply_clock == State.STATE_UNSPECIFIED


async def test_tickets_are_filtered_and_sorted_by_due_time(service_desk: Client, clock: Any) -> None:
    await level(service_desk, "urgent", condition="priority = URGENT", targets=targets((Kind.SOLVE, 30)))
    await level(service_desk, precedence=5)
    late, soon = await opened(service_desk), await opened(service_desk, priority=pb.Ticket.URGENT)
    listed = await service_desk.ListTickets(pb.ListTicketsRequest(order_by="next_due_time"))
    assert [ticket.id for ticket in listed.tickets] == [soon.id, late.id]
    before = (clock.now() + 45 * MINUTE).isoformat()
    filtered = await service_desk.ListTickets(
        pb.ListTicketsRequest(filter=f'next_due_time < "{before}" AND solve_clock = RUNNING')
    )
    assert [ticket.id for ticket in filtered.tickets] == [soon.id]


async def test_of_overlapping_levels_the_lowest_precedence_counts_then_the_code(service_desk: Client) -> None:
    await level(service_desk, "bravo", precedence=1)
    await level(service_desk, "alpha", precedence=1)
    await level(service_desk, "zulu", precedence=0, condition='type_code = "complaint"')
    await level(service_desk, "asleep", active=False)
    assert (await opened(service_desk)).service_level_code == "alpha"
    assert (await opened(service_desk, type_code="complaint")).service_level_code == "zulu"


async def test_level_follows_the_fields_that_its_condition_reads(service_desk: Client, clock: Any) -> None:
    await level(service_desk, "complaint", condition='type_code = "complaint"', targets=targets((Kind.SOLVE, 30)))
    await level(service_desk, precedence=5)
    ticket = await opened(service_desk)
    begun = clock.now()
    clock.advance(begun + 10 * MINUTE)
    changed = await service_desk.UpdateTicket(
        pb.UpdateTicketRequest(
            ticket=pb.Ticket(id=ticket.id, type_code="complaint"), update_mask={"paths": ["type_code"]}
        )
    )
    assert changed.service_level_code == "complaint"
    # Counted from the opening, not from the change.
    assert instant(changed.solve_due_time) == begun + 30 * MINUTE
    assert changed.first_reply_clock == State.STATE_UNSPECIFIED


async def test_conversation_drives_the_clocks(service_desk: Client, clock: Any) -> None:
    await level(service_desk)
    begun = clock.now()
    ticket = await opened(service_desk)
    clock.advance(begun + 30 * MINUTE)
    await service_desk.AddTicketNote(pb.AddTicketNoteRequest(id=ticket.id, body="内部备注"))
    assert (await read(service_desk, ticket)).first_reply_clock == State.RUNNING
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="请问型号?", pending=True))
    waiting = await read(service_desk, ticket)
    assert (waiting.first_reply_clock, waiting.solve_clock) == (State.MET, State.PAUSED)
    assert not waiting.HasField("solve_due_time")
    clock.advance(begun + 1000 * MINUTE)
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="T-100", from_requester=True))
    running = await read(service_desk, ticket)
    assert instant(running.solve_due_time) == begun + (480 + 970) * MINUTE
    assert instant(running.next_reply_due_time) == clock.now() + 120 * MINUTE
    clock.advance(begun + 1010 * MINUTE)
    solved = await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    assert (solved.solve_clock, solved.next_reply_clock, solved.breach_count) == (State.MET, State.MET, 0)
    assert not solved.HasField("next_due_time")
    clock.advance(begun + 2010 * MINUTE)
    again = await service_desk.ReopenTicket(pb.ReopenTicketRequest(id=ticket.id))
    assert again.solve_clock == State.RUNNING
    assert instant(again.solve_due_time) == begun + (480 + 970 + 1000) * MINUTE


def steps() -> list[levels.EscalationStep]:
    solve = Kind.SOLVE
    unit = str(new_id())
    return [
        levels.EscalationStep(clock=solve, minutes=-60, action=Action.NOTIFY_OWNER),
        levels.EscalationStep(clock=solve, minutes=0, action=Action.NOTIFY_ROLE, role_codes=["service_lead"]),
        levels.EscalationStep(clock=solve, minutes=30, action=Action.RAISE_PRIORITY),
        levels.EscalationStep(clock=solve, minutes=60, action=Action.HAND_OVER, unit_id=unit),
    ]


async def test_steps_are_taken_once_when_time_jumps_past_them_all(service_desk: Client, clock: Any) -> None:
    given = steps()
    await level(service_desk, targets=targets((Kind.SOLVE, 480)), steps=given)
    ticket = await opened(service_desk)
    clock.advance(clock.now() + 2000 * MINUTE)
    await service_desk.settled()
    found = await read(service_desk, ticket)
    assert (found.solve_clock, found.breach_count, found.escalation_count) == (State.BREACHED, 1, 4)
    assert (found.priority, found.unit_id, found.owner_id) == (pb.Ticket.HIGH, given[3].unit_id, "")
    assert await told(service_desk, "escalated", ticket) == 4
    assert await told(service_desk, "breached", ticket) == 1
    clock.advance(clock.now() + 2000 * MINUTE)
    await service_desk.settled()
    assert (await read(service_desk, ticket)).escalation_count == 4


class Killed(BaseException):
    """The process ends in the middle of a transaction."""


async def test_a_job_that_runs_twice_or_is_killed_takes_each_step_once(service_desk: Client, clock: Any) -> None:
    await level(service_desk, targets=targets((Kind.SOLVE, 480)), steps=steps())
    ticket = await opened(service_desk)
    clock.advance(clock.now() + 2000 * MINUTE)

    async def run(*, killed: bool) -> None:
        async with service_desk.transaction() as tx:
            await run_clocks(tx, ticket.id)
            if killed:
                await tx.flush()
                raise Killed

    with pytest.raises(Killed):
        await run(killed=True)
    await asyncio.gather(*(run(killed=False) for _ in range(5)))
    await service_desk.settled()
    found = await read(service_desk, ticket)
    assert (found.escalation_count, found.breach_count) == (4, 1)
    assert await told(service_desk, "escalated", ticket) == 4


async def test_raised_priority_shortens_what_is_left(service_desk: Client, clock: Any) -> None:
    promised = [
        *targets((Kind.SOLVE, 480)),
        levels.ServiceTarget(clock=Kind.SOLVE, priority=pb.Ticket.HIGH, minutes=300),
    ]
    raising = levels.EscalationStep(clock=Kind.SOLVE, minutes=-120, action=Action.RAISE_PRIORITY)
    await level(service_desk, targets=promised, steps=[raising])
    ticket = await opened(service_desk)
    begun = clock.now()
    clock.advance(begun + 361 * MINUTE)
    await service_desk.settled()
    found = await read(service_desk, ticket)
    # 120 minutes before 480 it became HIGH, for which 300 were promised: broken at once, and raised once only.
    assert (found.priority, found.solve_clock) == (pb.Ticket.HIGH, State.BREACHED)
    assert instant(found.solve_due_time) == begun + 300 * MINUTE
    assert (found.breach_count, found.escalation_count) == (1, 1)


async def test_warning_comes_before_the_breach_and_waiting_stops_both(service_desk: Client, clock: Any) -> None:
    await level(service_desk, targets=targets((Kind.SOLVE, 480)), steps=steps()[:1])
    ticket = await opened(service_desk)
    begun = clock.now()
    clock.advance(begun + 421 * MINUTE)
    await service_desk.settled()
    warned = await read(service_desk, ticket)
    assert (warned.escalation_count, warned.solve_clock) == (1, State.RUNNING)
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="请稍候", pending=True))
    clock.advance(begun + 5000 * MINUTE)
    await service_desk.settled()
    assert (await read(service_desk, ticket)).solve_clock == State.PAUSED


async def office(desk: Client, closes: str = "18:00") -> calendars.Calendar:
    week = [
        calendars.WorkingHours(weekday=calendars.Weekday.Name(day), opens="09:00", closes=closes) for day in range(1, 8)
    ]
    calendar = calendars.Calendar(code="office", display_name="办公", zone="Asia/Shanghai", weekly_hours=week)
    made: calendars.Calendar = await desk.CreateCalendar(calendars.CreateCalendarRequest(calendar=calendar))
    return made


async def test_editing_a_calendar_recalculates_open_tickets_only(service_desk: Client, clock: Any) -> None:
    calendar = await office(service_desk)
    await level(service_desk, calendar_code="office", targets=targets((Kind.SOLVE, 9 * 60 * 3)))
    kept, follows = await opened(service_desk), await opened(service_desk)
    kept = await service_desk.SolveTicket(pb.SolveTicketRequest(id=kept.id))
    longer = [
        calendars.WorkingHours(weekday=calendars.Weekday.Name(day), opens="00:00", closes="24:00")
        for day in range(1, 8)
    ]
    await service_desk.UpdateCalendar(
        calendars.UpdateCalendarRequest(calendar=calendars.Calendar(id=calendar.id, weekly_hours=longer))
    )

    async def moved() -> bool:
        due = instant((await read(service_desk, follows)).solve_due_time)
        return bool(due == clock.now() + 27 * 60 * MINUTE)

    await eventually(moved)
    assert (await read(service_desk, kept)) == kept


async def test_levels_made_and_deleted_later_reach_open_tickets(service_desk: Client, clock: Any) -> None:
    ticket = await opened(service_desk)
    assert (ticket.service_level_code, ticket.solve_clock) == ("", State.STATE_UNSPECIFIED)
    made = await level(service_desk)
    await eventually(lambda: code_is(service_desk, ticket, "gold"))
    await service_desk.DeleteServiceLevel(levels.DeleteServiceLevelRequest(id=made.id))
    await eventually(lambda: code_is(service_desk, ticket, ""))


async def code_is(desk: Client, ticket: pb.Ticket, code: str) -> bool:
    return bool((await read(desk, ticket)).service_level_code == code)


async def test_recalculation_is_an_operation_with_progress(service_desk: Client, clock: Any) -> None:
    for _ in range(3):
        await opened(service_desk)
    begun = await service_desk.RecalculateServiceLevels(pb.RecalculateServiceLevelsRequest())

    async def done() -> Any:
        found = await service_desk.GetOperation(operations.GetOperationRequest(id=begun.id))
        return found if found.state == operations.Operation.DONE else None

    finished = await eventually(done)
    answer = pb.RecalculateServiceLevelsResponse()
    assert finished.result.Unpack(answer)
    assert (answer.ticket_count, answer.changed_count) == (3, 0)
    assert finished.done_count == finished.total_count == 3


async def test_explanation_names_levels_reasons_and_the_intervals_counted(service_desk: Client, clock: Any) -> None:
    await office(service_desk)
    await level(service_desk, "urgent", condition="priority = URGENT", precedence=1)
    await level(service_desk, "gold", calendar_code="office", precedence=2)
    ticket = await opened(service_desk)
    answer = await service_desk.ExplainServiceLevel(pb.ExplainServiceLevelRequest(id=ticket.id))
    assert answer.service_level_code == "gold"
    assert [(item.code, item.fits, item.applies) for item in answer.levels] == [
        ("urgent", False, False),
        ("gold", True, True),
    ]
    assert answer.levels[0].reasons == ["priority is NORMAL, not URGENT"]
    assert answer.zone == "Asia/Shanghai"
    solve = next(item for item in answer.clocks if item.clock.kind == Kind.SOLVE)
    assert (solve.percent_left, solve.minutes_left, solve.worked_minutes) == (100, 480, 0)
    counted = sum((instant(span.end_time) - instant(span.begin_time) for span in solve.intervals), timedelta())
    assert counted == 480 * MINUTE
    # Whatever time of day it is, two of the eight working hours are left then.
    left = 120 * MINUTE
    for span in reversed(solve.intervals):
        begin, end = instant(span.begin_time), instant(span.end_time)
        if end - begin >= left:
            clock.advance(end - left)
            break
        left -= end - begin
    later = await service_desk.ExplainServiceLevel(pb.ExplainServiceLevelRequest(id=ticket.id))
    assert next(item.percent_left for item in later.clocks if item.clock.kind == Kind.SOLVE) == 25


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"condition": "colour = red"}, "CONDITION_INVALID", "service_level.condition"),
        ({"condition": "priority = ("}, "CONDITION_INVALID", "service_level.condition"),
        ({"calendar_code": "nowhere"}, "CALENDAR_NOT_FOUND", "service_level.calendar_code"),
        (
            {"targets": targets((Kind.SOLVE, 60), (Kind.SOLVE, 90))},
            "SERVICE_TARGET_INVALID",
            "service_level.targets[1].priority",
        ),
        (
            {"targets": targets((Kind.SOLVE, 525_600)), "calendar_code": "office"},
            "SERVICE_TARGET_INVALID",
            "service_level.targets[0].minutes",
        ),
        (
            {"steps": [levels.EscalationStep(clock=Kind.SOLVE, minutes=5, action=Action.HAND_OVER)]},
            "ESCALATION_STEP_INVALID",
            "service_level.steps[0]",
        ),
    ],
)
async def test_what_is_no_level_is_refused_by_its_field(
    service_desk: Client, values: dict[str, Any], reason: str, field: str
) -> None:
    # Three hours a day: 525,600 minutes would take eight years.
    await office(service_desk, "12:00")
    with refused(reason, field):
        await level(service_desk, **values)


async def test_calendar_that_a_level_counts_in_is_not_deleted(service_desk: Client) -> None:
    calendar = await office(service_desk)
    made = await level(service_desk, calendar_code="office")
    with refused("CALENDAR_IN_USE", "id"):
        await service_desk.DeleteCalendar(calendars.DeleteCalendarRequest(id=calendar.id))
    await service_desk.DeleteServiceLevel(levels.DeleteServiceLevelRequest(id=made.id))
    await service_desk.DeleteCalendar(calendars.DeleteCalendarRequest(id=calendar.id))


async def finding(desk: Client) -> Any:
    answer = await desk.CheckInvariants(maintenance.CheckInvariantsRequest(service="service-desk"))
    return next(item for item in answer.findings if item.invariant == "tickets.service_level_clocks")


async def test_check_finds_lost_jobs_and_clocks_that_ran_backwards(service_desk: Client, clock: Any) -> None:
    await level(service_desk)
    lost, backwards, sound = [await opened(service_desk) for _ in range(3)]
    await service_desk.settled()
    assert ((await finding(service_desk)).holds, (await finding(service_desk)).checked_count) == (True, 3)
    async with service_desk.running.runtime.database.connection() as connection:
        await connection.execute(text("DELETE FROM jobs WHERE key = :id"), {"id": lost.id})
    async with service_desk.transaction() as tx:
        ticket = await tx.get(Ticket, backwards.id)
        ticket.clocks = [{**ticket.clocks[0], "end_time": "2020-01-01T00:00:00Z"}, *ticket.clocks[1:]]
    found = await finding(service_desk)
    assert (found.holds, found.broken_count) == (False, 2)
    assert {lost.number, backwards.number} == {example.split(":")[0] for example in found.examples}
    assert sound.number not in str(found.examples)
