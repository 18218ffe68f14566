"""Tickets about the same thing: merged, taken apart again, linked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest

from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

State, Kind = pb.Ticket.State, pb.TicketLink


@pytest.fixture
def clock(service_desk: Client) -> Iterator[Any]:
    clock = service_desk.running.runtime.clock
    clock.advance(clock.now())
    yield clock
    clock.release()


async def opened(desk: Client, **values: Any) -> pb.Ticket:
    made: pb.Ticket = await desk.CreateTicket(pb.CreateTicketRequest(ticket=pb.Ticket(subject="空调", **values)))
    return made


async def note(desk: Client, ticket: pb.Ticket, body: str) -> None:
    await desk.AddTicketNote(pb.AddTicketNoteRequest(id=ticket.id, body=body))


async def bodies(desk: Client, ticket: pb.Ticket) -> list[str]:
    page = await desk.ListTicketEntries(pb.ListTicketEntriesRequest(ticket_id=ticket.id))
    return [entry.body for entry in page.ticket_entries]


async def merge(desk: Client, ticket: pb.Ticket, into: pb.Ticket) -> pb.Ticket:
    merged: pb.Ticket = await desk.MergeTicket(pb.MergeTicketRequest(id=ticket.id, into_id=into.id))
    return merged


async def test_merged_conversations_are_one_and_come_apart_again(service_desk: Client) -> None:
    first, second, third = [await opened(service_desk) for _ in range(3)]
    for ticket, body in ((first, "一"), (second, "二"), (third, "三")):
        await note(service_desk, ticket, body)
    merged = await merge(service_desk, first, second)
    assert (merged.state, merged.merged_into_id) == (State.CLOSED, second.id)
    await merge(service_desk, second, third)
    assert await bodies(service_desk, third) == ["一", "二", "三"]
    apart = await service_desk.UnmergeTicket(pb.UnmergeTicketRequest(id=second.id))
    assert (apart.state, apart.merged_into_id, apart.HasField("close_time")) == (State.NEW, "", False)
    assert (await bodies(service_desk, third), await bodies(service_desk, second)) == (["三"], ["一", "二"])


async def test_what_is_merged_is_worked_on_elsewhere(service_desk: Client) -> None:
    first, second = await opened(service_desk), await opened(service_desk)
    with refused("TICKET_MERGED_INTO_ITSELF", "into_id"):
        await merge(service_desk, first, first)
    with refused("TICKET_NOT_MERGED"):
        await service_desk.UnmergeTicket(pb.UnmergeTicketRequest(id=first.id))
    await merge(service_desk, first, second)
    for attempt in (
        service_desk.ReopenTicket(pb.ReopenTicketRequest(id=first.id)),
        service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=first.id, body="?", from_requester=True)),
        merge(service_desk, second, first),
    ):
        with refused("TICKET_IS_MERGED"):
            await attempt


async def test_clocks_stand_still_while_merged(
    service_desk: Client, leads: Client, gateway: Client, marketing: Client, sales: Client, clock: Any
) -> None:
    promise = levels.ServiceTarget(clock=pb.TicketClock.SOLVE, minutes=60)
    level = levels.ServiceLevel(code="gold", display_name="gold", targets=[promise], active=True)
    await service_desk.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=level))
    begun = clock.now()
    first, second = await opened(service_desk), await opened(service_desk)
    clock.advance(begun + timedelta(minutes=10))
    merged = await merge(service_desk, first, second)
    assert merged.solve_clock == pb.TicketClock.PAUSED
    await service_desk.settled()
    answer = await service_desk.CheckInvariants(maintenance.CheckInvariantsRequest(service="service-desk"))
    assert all(finding.holds for finding in answer.findings), answer
    clock.advance(begun + timedelta(minutes=500))
    await service_desk.settled()
    apart = await service_desk.UnmergeTicket(pb.UnmergeTicketRequest(id=first.id))
    assert (apart.solve_clock, apart.breach_count) == (pb.TicketClock.RUNNING, 0)
    assert apart.solve_due_time.ToDatetime(tzinfo=UTC) == begun + timedelta(minutes=550)


async def test_links_are_seen_from_both_ends_by_who_sees_both_tickets(service_desk: Client) -> None:
    agent = new_id()
    mine, hidden = await opened(service_desk, owner_id=str(agent)), await opened(service_desk, owner_id=str(new_id()))
    near = await opened(service_desk, owner_id=str(agent))
    for other in (hidden, near):
        request = pb.LinkTicketRequest(id=mine.id, other_id=other.id, kind=Kind.CAUSED_BY)
        await service_desk.LinkTicket(request)
        with refused("RESOURCE_ALREADY_EXISTS", "other_id"):
            await service_desk.LinkTicket(request)
    with refused("TICKET_LINKED_TO_ITSELF", "other_id"):
        await service_desk.LinkTicket(pb.LinkTicketRequest(id=mine.id, other_id=mine.id, kind=Kind.RELATED))
    everything = await service_desk.ListTicketLinks(pb.ListTicketLinksRequest(ticket_id=mine.id))
    assert len(everything.ticket_links) == 2
    narrow = service_desk.as_(permissions={"service-desk.ticket.read": "own"}, user_id=agent)
    seen = await narrow.ListTicketLinks(pb.ListTicketLinksRequest(ticket_id=mine.id))
    assert [link.other_id for link in seen.ticket_links] == [near.id]
    back = await narrow.ListTicketLinks(pb.ListTicketLinksRequest(ticket_id=near.id))
    assert [link.ticket_id for link in back.ticket_links] == [mine.id]
    unlink = pb.UnlinkTicketRequest(id=mine.id, other_id=near.id, kind=Kind.CAUSED_BY)
    await service_desk.UnlinkTicket(unlink)
    with refused("TICKETS_NOT_LINKED"):
        await service_desk.UnlinkTicket(unlink)


async def test_a_unit_scoped_agent_may_look_after_calendars_and_levels(service_desk: Client) -> None:
    agent = service_desk.as_(permissions={"service-desk.*": "unit"}, unit_id=new_id())
    promise = levels.ServiceTarget(clock=pb.TicketClock.SOLVE, minutes=60)
    level = levels.ServiceLevel(code="gold", display_name="gold", targets=[promise], active=True)
    made = await agent.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=level))
    assert (await agent.GetServiceLevel(levels.GetServiceLevelRequest(id=made.id))).code == "gold"
