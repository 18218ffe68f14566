"""Forms on which anybody may ask for help."""

from __future__ import annotations

import pytest

from support.mail_desk import entries, tickets
from tercet.servicedesk.v1 import ticket_form_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets_pb
from tercet.servicedesk.v1 import ticket_type_service_pb2 as types
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_service_desk.types.rules import STATES


@pytest.fixture
def anybody(service_desk: Client) -> Client:
    """Somebody who is not signed in."""
    return service_desk.as_(permissions={"none": "all"}, kind="anonymous")


def submission(**values: str) -> pb.SubmitTicketFormRequest:
    given = {"code": "help", "requester_name": "王芳", "email": "wang@example.com", "subject": "洗衣机漏水", **values}
    return pb.SubmitTicketFormRequest(**given)


async def test_anybody_asks_for_help_until_it_is_too_much(service_desk: Client, anybody: Client) -> None:
    unit = str(new_id())
    form = pb.TicketForm(code="help", display_name="售后", type_code="repair", unit_id=unit, most_per_hour=2)
    form.account_code = "support"
    made = await service_desk.CreateTicketForm(pb.CreateTicketFormRequest(ticket_form=form))
    number = (await anybody.SubmitTicketForm(submission(description="从昨天开始"))).ticket_number
    (opened,) = await tickets(service_desk, q="漏水")
    assert (opened.number, opened.type_code, opened.unit_id) == (number, "repair", unit)
    assert (opened.arrival, opened.account_code) == (tickets_pb.Ticket.Arrival.FORM, "support")
    assert opened.reply_address.value == "wang@example.com"
    assert [entry.body for entry in await entries(service_desk, opened)] == ["从昨天开始"]
    await anybody.SubmitTicketForm(submission())
    with refused("FORM_BUSY"):
        await anybody.SubmitTicketForm(submission(email="WANG@example.com"))
    await anybody.SubmitTicketForm(submission(email="", phone="13800138000"))
    with refused("REQUESTER_UNREACHABLE", "email"):
        await anybody.SubmitTicketForm(submission(email=""))
    with refused("FORM_NOT_FOUND", "code"):
        await anybody.SubmitTicketForm(submission(code="other"))
    made.closed = True
    await service_desk.UpdateTicketForm(pb.UpdateTicketFormRequest(ticket_form=made))
    with refused("FORM_CLOSED", "code"):
        await anybody.SubmitTicketForm(submission())


async def test_a_form_names_a_type_that_there_is(service_desk: Client) -> None:
    stages = [types.TicketStage(code=state.lower(), display_name=state, state=state) for state in STATES]
    kind = types.TicketType(code="question", display_name="咨询", stages=stages)
    await service_desk.CreateTicketType(types.CreateTicketTypeRequest(ticket_type=kind))
    form = pb.TicketForm(code="help", display_name="售后", type_code="repair")
    with refused("TICKET_TYPE_UNKNOWN", "ticket_form.type_code"):
        await service_desk.CreateTicketForm(pb.CreateTicketFormRequest(ticket_form=form))
