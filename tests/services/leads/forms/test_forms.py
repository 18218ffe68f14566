"""Forms take what they ask for from anybody, once, and say what is wrong."""

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import Struct

from support.leads import events_of, mobile
from tercet.leads.v1.form_service_pb2 import ConfirmFormRequest, CreateFormRequest, Form, SubmitFormRequest
from tercet.leads.v1.lead_service_pb2 import Lead, ListLeadsRequest
from tercet.leads.v1.touch_service_pb2 import ListTouchesRequest
from tercet_chassis.testing import Client, refused

FIELDS = [
    Form.Field(name="who", label="姓名", lead_field="full_name", required=True, max_length=20),
    Form.Field(name="tel", label="手机", kind=Form.Field.PHONE, lead_field="mobile"),
    Form.Field(name="mail", label="邮箱", kind=Form.Field.EMAIL, lead_field="email", required=True),
    Form.Field(name="size", label="规模", kind=Form.Field.CHOICE, choices=["大", "小"]),
]


async def form(leads: Client, fields: list[Form.Field] = FIELDS, **values: Any) -> Form:
    given = Form(code="contact", display_name="联系我们", fields=fields, source_code="web", active=True, **values)
    answer: Form = await leads.CreateForm(CreateFormRequest(form=given))
    return answer


def answers(**values: Any) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def anybody(leads: Client) -> Client:
    return leads.as_(permissions={"nothing": "all"}, kind="anonymous")


async def test_submission_becomes_a_lead_and_stays_as_it_came(leads: Client) -> None:
    await form(leads)
    values = answers(who="王芳", tel=mobile(1), mail="wf@tercet-test.cn", size="大")
    response = await anybody(leads).SubmitForm(SubmitFormRequest(code="contact", values=values))
    assert response.submission_id
    (lead,) = (await leads.ListLeads(ListLeadsRequest())).leads
    assert (lead.full_name, lead.mobile, lead.state) == ("王芳", f"+86{mobile(1)}", Lead.OPEN)
    (touch,) = (await leads.ListTouches(ListTouchesRequest())).touches
    assert touch.raw["values"]["size"] == "大"


async def test_each_wrong_value_is_named(leads: Client) -> None:
    await form(leads)
    values = answers(tel="???", mail="nobody", size="中", extra="x")
    for field in ("values.who", "values.tel", "values.mail", "values.size", "values.extra"):
        with refused("FORM_VALUES_INVALID", field):
            await anybody(leads).SubmitForm(SubmitFormRequest(code="contact", values=values))
    with refused("FORM_VALUES_INVALID", "values.who"):
        long = answers(who="王" * 21, mail="a@tercet-test.cn")
        await anybody(leads).SubmitForm(SubmitFormRequest(code="contact", values=long))
    assert not (await leads.ListLeads(ListLeadsRequest())).leads


async def test_same_idempotency_key_makes_one_submission(leads: Client) -> None:
    await form(leads)
    request = SubmitFormRequest(code="contact", values=answers(who="王芳", mail="wf@tercet-test.cn"))
    visitor = anybody(leads)
    one = await visitor.SubmitForm(request, request_id="k-1")
    two = await visitor.SubmitForm(request, request_id="k-1")
    assert one.submission_id == two.submission_id
    assert len((await leads.ListTouches(ListTouchesRequest())).touches) == 1


async def test_double_opt_in_counts_once_it_is_confirmed_and_only_once(leads: Client) -> None:
    await form(leads, double_opt_in=True)
    request = SubmitFormRequest(code="contact", values=answers(who="王芳", tel=mobile(2), mail="wf@tercet-test.cn"))
    assert (await anybody(leads).SubmitForm(request)).confirmation_needed
    assert not (await leads.ListLeads(ListLeadsRequest())).leads
    (asked,) = [event for event in await events_of(leads) if event.DESCRIPTOR.name == "FormConfirmationRequested"]
    with refused("OPT_IN_TOKEN_SPENT", "token"):
        await anybody(leads).ConfirmForm(ConfirmFormRequest(token="x" * 32))
    await anybody(leads).ConfirmForm(ConfirmFormRequest(token=asked.token))
    assert len((await leads.ListLeads(ListLeadsRequest())).leads) == 1
    with refused("OPT_IN_TOKEN_SPENT", "token"):
        await anybody(leads).ConfirmForm(ConfirmFormRequest(token=asked.token))


async def test_form_that_cannot_be_used_is_refused_with_its_fields(leads: Client) -> None:
    twice = [Form.Field(name="a", lead_field="full_name"), Form.Field(name="a", lead_field="nonsense")]
    for field in ("form.fields[1].name", "form.fields[1].lead_field"):
        with refused("FORM_FIELDS_INVALID", field):
            await form(leads, twice)
    with refused("FORM_FIELDS_INVALID", "form.double_opt_in"):
        await form(leads, FIELDS[:2], double_opt_in=True)


async def test_unknown_and_closed_forms_take_nothing(leads: Client) -> None:
    with refused("FORM_NOT_FOUND", "code"):
        await anybody(leads).SubmitForm(SubmitFormRequest(code="contact", values=answers(who="x")))
    given = Form(code="old", display_name="旧", fields=FIELDS, source_code="web", active=False)
    await leads.CreateForm(CreateFormRequest(form=given))
    with refused("FORM_CLOSED", "code"):
        await anybody(leads).SubmitForm(SubmitFormRequest(code="old", values=answers(who="x", mail="a@b.cn")))
