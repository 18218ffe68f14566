"""Rules of intake and forms are checked when they are kept; anybody may submit a form."""

from __future__ import annotations

from typing import Any

from tercet.servicedesk.v1 import intake_rule_service_pb2 as rules_pb
from tercet.servicedesk.v1 import ticket_form_service_pb2 as pb
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet.servicedesk.v1.ticket_service_pb2 import TicketContactPoint
from tercet_chassis import Handlers, Tx, new_id
from tercet_service_desk.intake import store
from tercet_service_desk.intake.errors import FormBusy, FormClosed, FormNotFound, RequesterUnreachable
from tercet_service_desk.intake.model import IntakeRule, TicketForm
from tercet_service_desk.intake.rules import FLOOD_WINDOW, FORM_TIMES_ALL, body_of, sender_key
from tercet_service_desk.tickets.conversation import keep_message, open_ticket
from tercet_service_desk.types.store import check_code, standing_code


class IntakeRuleService(Handlers):
    """Serves tercet.servicedesk.v1.IntakeRuleService."""

    async def CreateIntakeRule(self, request: rules_pb.CreateIntakeRuleRequest, tx: Tx) -> IntakeRule:
        """Adds a rule. Refuses a ticket type that is none of the tenant's."""
        rule = await tx.create(IntakeRule, request.intake_rule)
        await check_code(tx, rule.type_code or "", "intake_rule.type_code")
        return rule

    async def UpdateIntakeRule(self, request: rules_pb.UpdateIntakeRuleRequest, tx: Tx) -> IntakeRule:
        """Changes a rule, with the same refusal."""
        given = request.intake_rule
        rule = await tx.get(IntakeRule, given.id, etag=given.etag, lock=True)
        await tx.patch(rule, given, request.update_mask if request.HasField("update_mask") else None)
        await check_code(tx, rule.type_code, "intake_rule.type_code")
        return rule


class TicketFormService(Handlers):
    """Serves tercet.servicedesk.v1.TicketFormService."""

    async def CreateTicketForm(self, request: pb.CreateTicketFormRequest, tx: Tx) -> TicketForm:
        """Adds a form. Refuses a ticket type that is none of the tenant's."""
        form = await tx.create(TicketForm, request.ticket_form)
        await check_code(tx, form.type_code or "", "ticket_form.type_code")
        return form

    async def UpdateTicketForm(self, request: pb.UpdateTicketFormRequest, tx: Tx) -> TicketForm:
        """Changes a form, with the same refusal."""
        given = request.ticket_form
        form = await tx.get(TicketForm, given.id, etag=given.etag, lock=True)
        await tx.patch(form, given, request.update_mask if request.HasField("update_mask") else None)
        await check_code(tx, form.type_code, "ticket_form.type_code")
        return form

    async def SubmitTicketForm(self, request: pb.SubmitTicketFormRequest, tx: Tx) -> pb.SubmitTicketFormResponse:
        """Opens a ticket for anybody. Refuses a form that is shut or not there, a requester who cannot be answered, and
        more than people write.
        """
        form = await store.form_by_code(tx, request.code)
        if form is None:
            raise FormNotFound(code=request.code)
        if form.closed:
            raise FormClosed(code=form.code)
        points = _points(request)
        if not points:
            raise RequesterUnreachable()
        keys = [sender_key(f"form:{form.code}", point) for point in points]
        await _check_busy(tx, form, keys)
        ticket = await open_ticket(tx, _ticket(form, request, points, await standing_code(tx, form.type_code)))
        if form.account_code and request.email:
            ticket.account_code, ticket.reply_address = form.account_code, points[0]
            ticket.sender_key = sender_key(form.account_code, points[0])
        await tx.flush()
        said = body_of(request.description, request.subject)
        await keep_message(tx, ticket, said, tx.now(), subject=request.subject, address=points[0], sender_key=keys[0])
        return pb.SubmitTicketFormResponse(ticket_number=ticket.number)


async def _check_busy(tx: Tx, form: TicketForm, keys: list[str]) -> None:
    since = tx.now() - FLOOD_WINDOW
    await tx.hold("intake", keys)
    if await store.count_from(tx, keys[0], since) >= form.most_per_hour:
        raise FormBusy()
    if await store.count_through(tx, form.id, since) >= form.most_per_hour * FORM_TIMES_ALL:
        raise FormBusy()


def _points(request: pb.SubmitTicketFormRequest) -> list[dict[str, Any]]:
    given = (("EMAIL", request.email), ("PHONE", request.phone))
    return [{"kind": kind, "value": value.strip()} for kind, value in given if value.strip()]


def _ticket(
    form: TicketForm, request: pb.SubmitTicketFormRequest, points: list[dict[str, Any]], type_code: str
) -> TicketMessage:
    wanted = TicketMessage(
        subject=request.subject,
        description=request.description,
        type_code=type_code,
        priority=form.priority or "NORMAL",
        arrival="FORM",
        requester_name=request.requester_name,
        unit_id=str(form.unit_id or ""),
        contact_points=[TicketContactPoint(kind=point["kind"], value=point["value"]) for point in points],
    )
    wanted.external_ref.system, wanted.external_ref.id = "ticket-form", f"{form.id}:{new_id()}"
    return wanted
