"""RPCs of surveys beyond the free ones."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import survey_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets_pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_service_desk.satisfaction import store
from tercet_service_desk.satisfaction.errors import SurveyLinkInvalid
from tercet_service_desk.satisfaction.model import Survey
from tercet_service_desk.satisfaction.rules import signed, survey_of
from tercet_service_desk.tickets.conversation import open_ticket
from tercet_service_desk.tickets.model import Ticket
from tercet_service_desk.types.rules import COMPLAINT

Finding = CheckInvariantsResponse.Finding


class SurveyService(Handlers):
    """Serves tercet.servicedesk.v1.SurveyService."""

    async def GetSurveyLink(self, request: pb.GetSurveyLinkRequest, tx: Tx) -> pb.SurveyLink:
        """The signed link of a survey. Refuses one that is over."""
        survey = await tx.get(Survey, request.id)
        survey.check_open(tx.now())
        answer = pb.SurveyLink(token=signed(tx.runtime.secret, tx.tenant_id, survey.id, survey.expire_time))
        answer.expire_time.FromDatetime(survey.expire_time)
        return answer

    async def OpenSurvey(self, request: pb.OpenSurveyRequest, tx: Tx) -> pb.OpenedSurvey:
        """What a link asks about. Refuses one that was not signed here, or is too old."""
        return await _shown(tx, await _survey(tx, request.token))

    async def AnswerSurvey(self, request: pb.AnswerSurveyRequest, tx: Tx) -> pb.OpenedSurvey:
        """Records the answer, once, and opens a complaint where one is made."""
        survey = await _survey(tx, request.token, lock=True)
        survey.answer(request.score, request.comment, tx.now())
        complaint = await _complain(tx, survey, request) if request.complaint else None
        tx.emit(events.SurveyAnswered, survey)
        answer = await _shown(tx, survey)
        answer.complaint_number = complaint.number if complaint else ""
        return answer

    async def GetSatisfactionFigures(self, request: pb.GetSatisfactionFiguresRequest, tx: Tx) -> pb.SatisfactionFigures:
        """How satisfied requesters were, of the surveys that the caller may see."""
        since = request.from_time.ToDatetime(tzinfo=UTC)
        until = request.to_time.ToDatetime(tzinfo=UTC) if request.HasField("to_time") else tx.now()
        answer = pb.SatisfactionFigures()
        for row in await store.figures(tx, since, until):
            if row.whole:
                answer.total.CopyFrom(_figures(row))
            elif row.owner_id is not None:
                answer.owners.append(_figures(row))
        return answer


async def _survey(tx: Tx, token: str, *, lock: bool = False) -> Survey:
    id = survey_of(tx.runtime.secret, tx.tenant_id, token, tx.now())
    survey = await tx.find(Survey, id, lock=lock) if id is not None else None
    if survey is None:
        raise SurveyLinkInvalid()
    return survey


async def _shown(tx: Tx, survey: Survey) -> pb.OpenedSurvey:
    ticket = await tx.find(Ticket, survey.ticket_id)
    return pb.OpenedSurvey(
        ticket_number=survey.ticket_number,
        subject=ticket.subject if ticket is not None else "",
        state=survey.state,
        score=survey.score,
    )


async def _complain(tx: Tx, survey: Survey, request: pb.AnswerSurveyRequest) -> Ticket:
    """A ticket of its own class, for the requester and the unit of the ticket that it is about."""
    about = await tx.get(Ticket, survey.ticket_id)
    wanted = tickets_pb.Ticket(
        subject=f"投诉 Complaint: {about.number}",
        description=request.comment,
        type_code=COMPLAINT,
        priority="HIGH",
        arrival="FORM",
        identity_id=str(survey.identity_id),
        party_id=str(survey.party_id),
        requester_name=about.requester_name,
        unit_id=str(about.unit_id or ""),
        partner_party_id=str(about.partner_party_id or ""),
        customer_id=str(about.customer_id or ""),
        order_id=str(about.order_id or ""),
        asset_id=str(about.asset_id or ""),
    )
    made = await open_ticket(tx, wanted)
    made.contact_points = list(about.contact_points)
    survey.complaint_ticket_id = made.id
    await tx.flush()
    return made


def _figures(row: Any) -> pb.SatisfactionFigures.OwnerFigures:
    return pb.SatisfactionFigures.OwnerFigures(
        owner_id=str(row.owner_id or ""),
        survey_count=row.surveys,
        answer_count=row.answers,
        satisfied_count=row.satisfied,
        mean_score=round(float(row.mean), 4),
        complaint_count=row.complaints,
    )


@invariant
async def each_survey_once(tx: Tx) -> Finding:
    """No ticket was asked about twice, and what was answered has a score."""
    total, broken = await store.astray(tx)
    return finding("satisfaction.each_survey_once", total, broken)
