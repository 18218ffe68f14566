"""Tickets from opening to closing, on the real service."""

from __future__ import annotations

import asyncio
from typing import Any

from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.leads.v1 import events_pb2 as leads_events
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, refused

State = pb.Ticket.State


async def opened(desk: Client, **values: Any) -> pb.Ticket:
    ticket = pb.Ticket(subject="空调不制冷 No cooling", requester_name="王芳", **values)
    made: pb.Ticket = await desk.CreateTicket(pb.CreateTicketRequest(ticket=ticket))
    return made


async def test_unknown_requester_is_a_party_of_its_own(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    assert ticket.state == State.NEW
    assert ticket.identity_id == ticket.party_id
    assert ticket.priority == pb.Ticket.Priority.NORMAL
    assert ticket.number.startswith("T")


async def test_known_requester_is_kept(service_desk: Client) -> None:
    identity, party = str(new_id()), str(new_id())
    ticket = await opened(service_desk, identity_id=identity, party_id=party)
    assert (ticket.identity_id, ticket.party_id) == (identity, party)


async def test_tickets_that_come_together_stand_as_they_were_answered(service_desk: Client, leads: Client) -> None:
    target = levels.ServiceTarget(clock=pb.TicketClock.SOLVE, minutes=60)
    level = levels.ServiceLevel(code="all", display_name="All", targets=[target], active=True)
    await service_desk.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=level))
    identity, merged = str(new_id()), str(new_id())
    move = leads_events.PartyMembersMoved()
    move.moves.add(identity_id=identity, from_party_id=identity, to_party_id=merged, version=1)
    async with leads.transaction() as tx:
        tx.emit(leads_events.PartyMembersMoved, None, moves=list(move.moves))
    await service_desk.settled()
    named = {"external_ref": ExternalRef(system="old", id="7")}
    chosen = {"id": str(new_id())}
    wanted: list[dict[str, Any]] = [{"description": str(at)} for at in range(11)] + [named, named, chosen, chosen]
    wanted += [{"identity_id": identity, "party_id": identity}]
    made = await asyncio.gather(*(opened(service_desk, **each) for each in wanted), return_exceptions=True)
    tickets = [each for each in made if isinstance(each, pb.Ticket)]
    refusals = [each for each in made if isinstance(each, Refusal)]
    assert len({each.number for each in tickets}) == len(tickets) == 14
    assert [each.reason for each in refusals] == ["RESOURCE_ALREADY_EXISTS"] * 2
    assert [each.party_id for each in tickets if each.identity_id == identity] == [merged]
    for ticket in tickets:
        assert ticket.solve_clock == pb.TicketClock.RUNNING
        assert await service_desk.GetTicket(pb.GetTicketRequest(id=ticket.id)) == ticket


async def test_ticket_goes_from_new_to_closed(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    agent = str(new_id())
    assigned = await service_desk.AssignTicket(pb.AssignTicketRequest(id=ticket.id, assignee_id=agent))
    assert (assigned.state, assigned.owner_id) == (State.OPEN, agent)
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="请问型号?", pending=True))
    waiting = await service_desk.GetTicket(pb.GetTicketRequest(id=ticket.id))
    assert waiting.state == State.PENDING
    assert waiting.HasField("first_reply_time")
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="T-100", from_requester=True))
    solved = await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id, resolution="换了滤网"))
    assert (solved.state, solved.entry_count) == (State.SOLVED, 2)
    closed = await service_desk.CloseTicket(pb.CloseTicketRequest(id=ticket.id))
    assert closed.state == State.CLOSED


async def test_requesters_answer_opens_a_solved_ticket_again(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    await service_desk.ReplyToTicket(pb.ReplyToTicketRequest(id=ticket.id, body="还是不行", from_requester=True))
    again = await service_desk.GetTicket(pb.GetTicketRequest(id=ticket.id))
    assert (again.state, again.reopen_count) == (State.OPEN, 1)


async def test_illegal_moves_are_refused(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    with refused("TICKET_NOT_SOLVED"):
        await service_desk.CloseTicket(pb.CloseTicketRequest(id=ticket.id))
    with refused("TICKET_NOT_SOLVED"):
        await service_desk.ReopenTicket(pb.ReopenTicketRequest(id=ticket.id))
    await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    with refused("TICKET_ALREADY_SOLVED"):
        await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    await service_desk.CloseTicket(pb.CloseTicketRequest(id=ticket.id))
    with refused("TICKET_CLOSED"):
        await service_desk.AddTicketNote(pb.AddTicketNoteRequest(id=ticket.id, body="late"))
    with refused("TICKET_CLOSED"):
        await service_desk.UpdateTicket(pb.UpdateTicketRequest(ticket=pb.Ticket(id=ticket.id, subject="other")))


async def test_conversation_is_listed_oldest_first_and_only_to_who_sees_the_ticket(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    for body in ("一", "二", "三"):
        await service_desk.AddTicketNote(pb.AddTicketNoteRequest(id=ticket.id, body=body))
    page = await service_desk.ListTicketEntries(pb.ListTicketEntriesRequest(ticket_id=ticket.id, page_size=2))
    assert [entry.body for entry in page.ticket_entries] == ["一", "二"]
    stranger = service_desk.as_(permissions={"service-desk.ticket.read": "own"})
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.ListTicketEntries(pb.ListTicketEntriesRequest(ticket_id=ticket.id))


async def test_whoever_serves_a_unit_reaches_its_tickets_and_their_own_wherever_those_stand(
    service_desk: Client,
) -> None:
    unit, me, colleague = new_id(), new_id(), new_id()
    await service_desk.know_unit(unit)
    agent = service_desk.as_(permissions={"service-desk.ticket.*": "unit"}, user_id=me, unit_id=unit)
    system = Client(service_desk.running, Principal.system("test", service_desk.tenant_id))
    party = str(new_id())
    made = {}
    # A message or an alarm opens a ticket that is of no unit; somebody of another unit is asked to help.
    for name, place, assignee in (
        ("of the unit", str(unit), None),
        ("given, of no unit", "", me),
        ("given, of another unit", str(new_id()), me),
        ("of no unit", "", None),
        ("a colleague's, of no unit", "", colleague),
        ("of another unit", str(new_id()), None),
    ):
        made[name] = await opened(system, unit_id=place, identity_id=party, party_id=party)
        assert made[name].unit_id == place
        if assignee is not None:
            await system.AssignTicket(pb.AssignTicketRequest(id=made[name].id, assignee_id=str(assignee)))
        await system.AddTicketNote(pb.AddTicketNoteRequest(id=made[name].id, body=name))
    seen = {"of the unit", "given, of no unit", "given, of another unit"}
    ids = {made[name].id for name in seen}
    about = f'party_id = "{party}"'
    for query in (pb.ListTicketsRequest(), pb.ListTicketsRequest(q="制冷"), pb.ListTicketsRequest(filter=about)):
        query.count = True
        page = await agent.ListTickets(query)
        assert ({ticket.id for ticket in page.tickets}, page.total_size) == (ids, 3)
    said = await agent.ListTicketEntries(pb.ListTicketEntriesRequest(party_id=party, count=True))
    assert ({entry.body for entry in said.ticket_entries}, said.total_size) == (seen, 3)
    for name, ticket in made.items():
        if name in seen:
            assert (await agent.GetTicket(pb.GetTicketRequest(id=ticket.id))).id == ticket.id
            await agent.AddTicketNote(pb.AddTicketNoteRequest(id=ticket.id, body="看过了"))
            continue
        for rpc, request in (
            (agent.GetTicket, pb.GetTicketRequest(id=ticket.id)),
            (agent.AddTicketNote, pb.AddTicketNoteRequest(id=ticket.id, body="看过了")),
        ):
            with refused("RESOURCE_NOT_FOUND"):
                await rpc(request)
    # What is given to somebody else is not theirs any more.
    await system.AssignTicket(pb.AssignTicketRequest(id=made["given, of no unit"].id, assignee_id=str(colleague)))
    with refused("RESOURCE_NOT_FOUND"):
        await agent.GetTicket(pb.GetTicketRequest(id=made["given, of no unit"].id))


async def test_tickets_are_found_by_two_chinese_characters_and_by_the_start_of_a_word(service_desk: Client) -> None:
    ticket = await opened(service_desk)
    for text in ("制冷", "cool", "王芳"):
        found = await service_desk.ListTickets(pb.ListTicketsRequest(q=text))
        assert [item.id for item in found.tickets] == [ticket.id]
    assert not (await service_desk.ListTickets(pb.ListTicketsRequest(q="热水器"))).tickets


async def test_invariants_hold_after_work(
    service_desk: Client, leads: Client, gateway: Client, marketing: Client, sales: Client
) -> None:
    ticket = await opened(service_desk)
    await service_desk.SolveTicket(pb.SolveTicketRequest(id=ticket.id))
    await service_desk.settled()
    answer = await service_desk.CheckInvariants(maintenance.CheckInvariantsRequest(service="service-desk"))
    assert all(finding.holds for finding in answer.findings), answer


async def test_entries_are_asked_of_a_ticket_or_of_a_party_and_not_of_both(service_desk: Client) -> None:
    neither = pb.ListTicketEntriesRequest()
    both = pb.ListTicketEntriesRequest(ticket_id=str(new_id()), party_id=str(new_id()))
    for asked in (neither, both):
        with refused("REQUEST_INVALID", "ticket_id"):
            await service_desk.ListTicketEntries(asked)
