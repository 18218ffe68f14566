"""Surveys on the real service: once a ticket, answered by link, complaints as tickets."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.servicedesk.v1 import service_level_service_pb2 as levels
from tercet.servicedesk.v1 import survey_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet.servicedesk.v1 import ticket_type_service_pb2 as types
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_service_desk.types.rules import STATES


async def solved(desk: Client, **values: Any) -> tickets.Ticket:
    wanted = tickets.Ticket(**{"subject": "冰箱不制冷", "requester_name": "王芳", **values})
    ticket = await desk.CreateTicket(tickets.CreateTicketRequest(ticket=wanted))
    await desk.SolveTicket(tickets.SolveTicketRequest(id=ticket.id))
    await desk.settled()
    done: tickets.Ticket = await desk.GetTicket(tickets.GetTicketRequest(id=ticket.id))
    return done


async def surveys(desk: Client, ticket: tickets.Ticket) -> list[pb.Survey]:
    answer = await desk.ListSurveys(pb.ListSurveysRequest(filter=f'ticket_id = "{ticket.id}"'))
    return list(answer.surveys)


async def token_of(desk: Client, ticket: tickets.Ticket) -> str:
    (survey,) = await surveys(desk, ticket)
    return str((await desk.GetSurveyLink(pb.GetSurveyLinkRequest(id=survey.id))).token)


def everybody(desk: Client) -> Client:
    return desk.as_(permissions={"none": "all"}, kind="anonymous")


async def test_solved_ticket_is_asked_about_once_also_when_it_is_solved_again(service_desk: Client) -> None:
    ticket = await solved(service_desk)
    (first,) = await surveys(service_desk, ticket)
    for _ in range(2):
        await service_desk.ReopenTicket(tickets.ReopenTicketRequest(id=ticket.id))
        await service_desk.SolveTicket(tickets.SolveTicketRequest(id=ticket.id))
    await service_desk.settled()
    assert [survey.id for survey in await surveys(service_desk, ticket)] == [first.id]
    assert (first.party_id, first.ticket_number) == (ticket.party_id, ticket.number)
    found = await service_desk.CheckInvariants(checking.CheckInvariantsRequest())
    (ours,) = (one for one in found.findings if one.invariant == "satisfaction.each_survey_once")
    assert ours.holds
    assert ours.checked_count == 1


async def test_answer_by_link_needs_no_sign_in_and_counts_once(service_desk: Client) -> None:
    ticket = await solved(service_desk)
    token, anybody = await token_of(service_desk, ticket), everybody(service_desk)
    shown = await anybody.OpenSurvey(pb.OpenSurveyRequest(token=token))
    assert (shown.ticket_number, shown.subject) == (ticket.number, "冰箱不制冷")
    request = pb.AnswerSurveyRequest(token=token, score=4, comment="很快")
    told = await asyncio.gather(*(anybody.AnswerSurvey(request) for _ in range(5)), return_exceptions=True)
    assert [getattr(one, "reason", "") for one in told].count("SURVEY_OVER") == 4
    (survey,) = await surveys(service_desk, ticket)
    assert (survey.score, survey.comment, survey.state) == (4, "很快", pb.Survey.State.ANSWERED)
    with refused("SURVEY_OVER"):
        await service_desk.GetSurveyLink(pb.GetSurveyLinkRequest(id=survey.id))


async def test_forged_links_and_those_of_other_tenants_are_refused(service_desk: Client) -> None:
    token = await token_of(service_desk, await solved(service_desk))
    raw = bytearray(base64.urlsafe_b64decode(token + "=="))
    raw[3] ^= 1
    forged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for wrong in (forged, token[:-4], "x", "漏", "====", token + "AAAA"):
        with refused("SURVEY_LINK_INVALID", "token"):
            await everybody(service_desk).AnswerSurvey(pb.AnswerSurveyRequest(token=wrong, score=5))
    stranger = service_desk.as_(permissions={"none": "all"}, tenant_id=new_id())
    with refused("SURVEY_LINK_INVALID", "token"):
        await stranger.OpenSurvey(pb.OpenSurveyRequest(token=token))


async def test_complaint_opens_a_ticket_of_its_class_for_the_same_requester(service_desk: Client) -> None:
    for code, condition, precedence in (("all", "", 9), ("complaints", 'type_code = "complaint"', 1)):
        level = levels.ServiceLevel(code=code, display_name=code, active=True, condition=condition)
        level.precedence = precedence
        level.targets.add(clock=tickets.TicketClock.FIRST_REPLY, minutes=60)
        await service_desk.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=level))
    ticket = await solved(service_desk, unit_id=str(new_id()))
    request = pb.AnswerSurveyRequest(
        token=await token_of(service_desk, ticket), score=1, comment="等了三天", complaint=True
    )
    answer = await everybody(service_desk).AnswerSurvey(request)
    (survey,) = await surveys(service_desk, ticket)
    complaint = await service_desk.GetTicket(tickets.GetTicketRequest(id=survey.complaint_ticket_id))
    assert (complaint.number, complaint.type_code) == (answer.complaint_number, "complaint")
    assert (complaint.party_id, complaint.unit_id) == (ticket.party_id, ticket.unit_id)
    assert (complaint.description, complaint.requester_name) == ("等了三天", "王芳")
    assert complaint.priority == tickets.Ticket.Priority.HIGH
    assert (ticket.service_level_code, complaint.service_level_code) == ("all", "complaints")


async def test_a_complaint_comes_in_also_where_tickets_have_types_of_their_own(service_desk: Client) -> None:
    ticket = await solved(service_desk)
    stages = [types.TicketStage(code=state.lower(), display_name=state, state=state) for state in STATES]
    kind = types.TicketType(code="repair", display_name="维修", stages=stages)
    await service_desk.CreateTicketType(types.CreateTicketTypeRequest(ticket_type=kind))
    request = pb.AnswerSurveyRequest(token=await token_of(service_desk, ticket), score=1, complaint=True)
    assert (await everybody(service_desk).AnswerSurvey(request)).complaint_number


async def test_figures_count_what_the_caller_may_see(service_desk: Client) -> None:
    agent, unit = str(new_id()), new_id()
    for score, unit_id in ((5, unit), (4, unit), (1, new_id()), (0, unit)):
        ticket = await solved(service_desk, owner_id=agent, unit_id=str(unit_id))
        if score:
            request = pb.AnswerSurveyRequest(token=await token_of(service_desk, ticket), score=score)
            await everybody(service_desk).AnswerSurvey(request)
    wanted = pb.GetSatisfactionFiguresRequest()
    wanted.from_time.FromSeconds(0)
    wanted.to_time.FromJsonString("2100-01-01T00:00:00Z")
    figures = await service_desk.GetSatisfactionFigures(wanted)
    total = figures.total
    assert (total.survey_count, total.answer_count, total.satisfied_count) == (4, 3, 2)
    assert (round(total.mean_score, 2), [one.owner_id for one in figures.owners]) == (3.33, [agent])
    own = service_desk.as_(permissions={"service-desk.survey.read": "unit"}, unit_id=unit)
    seen = (await own.GetSatisfactionFigures(wanted)).total
    assert (seen.survey_count, seen.answer_count, seen.mean_score) == (3, 2, 4.5)
