"""Forms: checked when they are kept, and submissions from anybody, which end in `admit` like every other lead."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1 import form_service_pb2 as pb
from tercet_chassis import Handlers, Tx, new_id
from tercet_chassis.binding import struct_value
from tercet_chassis.errors import Violation
from tercet_leads.forms import store
from tercet_leads.forms.errors import FormClosed, FormNotFound, FormValuesInvalid, OptInTokenSpent
from tercet_leads.forms.model import Form, PendingSubmission
from tercet_leads.forms.rules import lead_values, values_wrong
from tercet_leads.leads.admit import admit
from tercet_leads.leads.rules import Submission

_OPT_IN_DAYS = 3


class FormService(Handlers):
    """Serves tercet.leads.v1.FormService."""

    async def CreateForm(self, request: pb.CreateFormRequest, tx: Tx) -> Form:
        """Adds a form. Refuses fields that cannot be used."""
        form = await tx.create(Form, request.form)
        form.check_fields()
        return form

    async def UpdateForm(self, request: pb.UpdateFormRequest, tx: Tx) -> Form:
        """Changes a form, with the same refusals."""
        form = await tx.get(Form, request.form.id, etag=request.form.etag, lock=True)
        await tx.patch(form, request.form, request.update_mask)
        form.check_fields()
        return form

    async def SubmitForm(self, request: pb.SubmitFormRequest, tx: Tx) -> pb.SubmitFormResponse:
        """Takes a submission. Refuses wrong values, each named, and forms that are closed or not there."""
        form = await store.by_code(tx, request.code)
        if form is None:
            raise FormNotFound(code=request.code)
        if not form.active:
            raise FormClosed(code=form.code)
        values = struct_value(request.values)
        wrong = [Violation(item.field, item.reason, item.message) for item in values_wrong(form.fields, values)]
        if wrong:
            raise FormValuesInvalid(violations=wrong)
        placement = UUID(request.placement_id) if request.placement_id else None
        if form.double_opt_in:
            return self._hold(tx, form, values, placement)
        return pb.SubmitFormResponse(submission_id=str(await _admit(tx, form, values, placement, new_id(), tx.now())))

    async def ConfirmForm(self, request: pb.ConfirmFormRequest, tx: Tx) -> pb.ConfirmFormResponse:
        """Lets a held submission count, once. Refuses a spent or old token."""
        pending = await store.lock_pending(tx, _digest(request.token))
        if pending is None or pending.confirm_time is not None or pending.expire_time <= tx.now():
            raise OptInTokenSpent()
        form = await tx.get(Form, pending.form_id)
        await _admit(tx, form, pending.values, pending.placement_id, pending.id, pending.submit_time)
        pending.confirm_time = tx.now()
        return pb.ConfirmFormResponse(submission_id=str(pending.id))

    def _hold(self, tx: Tx, form: Form, values: dict[str, Any], placement: UUID | None) -> pb.SubmitFormResponse:
        token = secrets.token_urlsafe(24)
        pending = PendingSubmission(
            form_id=form.id,
            token_digest=_digest(token),
            values=values,
            placement_id=placement,
            submit_time=tx.now(),
            expire_time=tx.now() + timedelta(days=_OPT_IN_DAYS),
        )
        tx.add(pending)
        texts, _, _ = lead_values(form.fields, values)
        tx.emit(
            events.FormConfirmationRequested,
            form,
            submission_id=str(pending.id),
            email=texts.get("email", ""),
            token=token,
        )
        return pb.SubmitFormResponse(submission_id=str(pending.id), confirmation_needed=True)


async def _admit(
    tx: Tx, form: Form, values: dict[str, Any], placement: UUID | None, id: UUID, occurred: datetime
) -> UUID:
    texts, interests, custom = lead_values(form.fields, values)
    if form.country_code:
        texts["country_code"] = form.country_code
    submission = Submission(
        values=texts,
        raw={"form": form.code, "values": values},
        entry="FORM",
        owner_id=None,
        unit_id=form.unit_id,
        partner_party_id=form.partner_party_id,
        source_given=form.source_code,
        placement_id=placement,
        campaign_id=form.campaign_id,
        occur_time=occurred,
        interests=interests,
        custom=custom,
        key=f"form:{id}",
    )
    (admission,) = await admit(tx, [submission])
    if admission.refusal is not None:
        raise admission.refusal
    return id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
