"""Links in invitations, through the front door to the real desk."""

from __future__ import annotations

from support.gateway import found_company
from support.rest import front_door
from support.servers import Servers
from support.services import client
from tercet.servicedesk.v1 import survey_service_pb2 as surveys
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.testing import Client, Together


async def test_a_requester_says_on_a_page_how_satisfied_they_are(
    gateway: Client, together: Together, servers: Servers
) -> None:
    running = await client(together, servers, "service-desk", gateway.tenant_id)
    company = await found_company(gateway)
    await company.admin.settled()
    desk = await running.running.join(company.admin.tenant_id)
    made = await desk.CreateTicket(tickets.CreateTicketRequest(ticket=tickets.Ticket(subject="<b>冰箱</b>")))
    await desk.SolveTicket(tickets.SolveTicketRequest(id=made.id))
    await desk.settled()
    (survey,) = (await desk.ListSurveys(surveys.ListSurveysRequest())).surveys
    token = (await desk.GetSurveyLink(surveys.GetSurveyLinkRequest(id=survey.id))).token
    path = f"/survey/{company.code}/{token}"
    async with front_door(together) as http:
        looked = await http.get(path, headers={"accept-language": "en"})
        assert (looked.status_code, made.number in looked.text) == (200, True)
        assert "<b>冰箱" not in looked.text
        posted = await http.post(path, data={"score": "4", "comment": "很快"})
        assert (posted.status_code, "<form" in posted.text) == (200, False)
        assert (await http.get(f"/survey/{company.code}/{token[:-4]}AAAA")).status_code == 410
        assert (await http.post(path, data={"score": "1"})).status_code == 410
    answered = await desk.GetSurvey(surveys.GetSurveyRequest(id=survey.id))
    assert (answered.score, answered.comment) == (4, "很快")
