"""Invitations to surveys, on the real marketing and the real desk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.mail_desk import WANG, mailbox, tickets, writes
from support.sending import idle
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.servicedesk.v1 import survey_service_pb2 as surveys
from tercet.servicedesk.v1 import ticket_service_pb2 as pb
from tercet_chassis.testing import Client, eventually


async def test_who_wrote_a_mail_is_invited_once_and_the_link_holds(
    marketing: Client, service_desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = service_desk.running.runtime
    monkeypatch.setattr(runtime, "settings", replace(runtime.settings, public_url="https://crm.example.com/"))
    await mailbox(marketing)
    await writes(marketing, "坏了")
    (opened,) = await tickets(service_desk)
    for _ in range(2):
        await service_desk.SolveTicket(pb.SolveTicketRequest(id=opened.id))
        await service_desk.ReopenTicket(pb.ReopenTicketRequest(id=opened.id))
    await service_desk.SolveTicket(pb.SolveTicketRequest(id=opened.id))

    async def invited() -> surveys.Survey | None:
        found = (await service_desk.ListSurveys(surveys.ListSurveysRequest())).surveys
        return found[0] if found and found[0].send_state == pb.TicketEntry.DELIVERED else None

    survey = await eventually(invited, hint="nobody was invited")
    await service_desk.settled()
    await idle(marketing)
    (told,) = (await marketing.ListConsoleMessages(channels.ListConsoleMessagesRequest())).console_messages
    assert (told.address.value, opened.number in told.subject) == (WANG, True)
    token = told.text.rsplit("/", 1)[1]
    anybody = service_desk.as_(permissions={"none": "all"}, kind="anonymous")
    answer = await anybody.AnswerSurvey(surveys.AnswerSurveyRequest(token=token, score=5))
    assert answer.ticket_number == opened.number
    assert (await service_desk.GetSurvey(surveys.GetSurveyRequest(id=survey.id))).score == 5
