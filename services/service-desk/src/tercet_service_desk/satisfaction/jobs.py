"""Invitations to surveys go out through marketing's door, each once."""

from __future__ import annotations

from urllib.parse import quote

from google.protobuf.json_format import ParseDict

from tercet.marketing.v1.profile_service_pb2 import ConsentDecision, ProfileContactPoint
from tercet.marketing.v1.send_service_pb2 import SendMessageRequest
from tercet_chassis import Refusal, Tx, job
from tercet_service_desk.satisfaction.model import Survey
from tercet_service_desk.satisfaction.rules import invitation, signed
from tercet_service_desk.sending.handing import LEASE, Outcome, hand_over, later
from tercet_service_desk.tickets.model import Ticket


def invite_soon(tx: Tx, survey: Survey, ticket: Ticket) -> None:
    """Has the invitation handed over once the transaction is committed; not where the requester wrote through no
    channel, nor where the settings say no address for links to begin with.
    """
    if ticket.account_code and tx.runtime.settings.public_url:
        survey.wait(ticket.account_code, ticket.reply_address)
        tx.schedule(send_invitation, due=tx.now(), key=str(survey.id), survey_id=str(survey.id))


@job
async def send_invitation(tx: Tx, survey_id: str) -> None:
    """Hands an invitation over, and puts a second look at it on the list in case nobody lives to record that."""
    survey = await tx.find(Survey, survey_id, lock=True)
    if survey is None or not survey.to_hand_over:
        return
    survey.send_attempts += 1
    tx.schedule(send_invitation, due=tx.now() + LEASE, key=survey_id, survey_id=survey_id)

    async def record(after: Tx, outcome: Outcome) -> None:
        await _handed_over(after, survey_id, outcome)

    hand_over(tx, await _request(tx, survey), record)


async def _handed_over(tx: Tx, survey_id: str, outcome: Outcome) -> None:
    survey = await tx.find(Survey, survey_id, lock=True)
    if survey is None or not survey.to_hand_over:
        return
    if not isinstance(outcome, Refusal):
        survey.handed_over = True
    elif outcome.passing:
        tx.schedule(send_invitation, due=tx.now() + later(survey.send_attempts), key=survey_id, survey_id=survey_id)
    else:
        survey.refused(outcome.reason, outcome.message)


async def _request(tx: Tx, survey: Survey) -> SendMessageRequest:
    token = signed(tx.runtime.secret, tx.tenant_id, survey.id, survey.expire_time)
    base = tx.runtime.settings.public_url.rstrip("/")
    subject, text = invitation(survey.ticket_number, f"{base}/survey/{quote(await tx.known.tenant_code())}/{token}")
    request = SendMessageRequest(
        id=str(survey.id),
        key=f"survey:{survey.id}",
        purpose=ConsentDecision.SERVICE,
        identity_id=str(survey.identity_id),
        channel_codes=[survey.account_code],
        subject=subject,
        text=text,
        ticket_id=str(survey.ticket_id),
    )
    if survey.address:
        request.address.CopyFrom(ParseDict(survey.address, ProfileContactPoint()))
    return request
