"""Attacks on field masks: the tenant's own fields, results of operations, submissions as they came, messages of other
services.
"""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct

from support.bench.requests import activity, contact, create, everything
from tercet.chassis.v1 import custom_field_service_pb2 as fields
from tercet.chassis.v1.operation_service_pb2 import ListOperationsResponse, Operation
from tercet.leads.v1.import_service_pb2 import ExportImportErrorsResponse, ImportRowError
from tercet.leads.v1.lead_service_pb2 import Lead
from tercet.leads.v1.touch_service_pb2 import Touch
from tercet.options.v1 import options_pb2
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis.context import Context
from tercet_chassis.masking import mask, shortened
from tercet_chassis.showing import shown
from tercet_chassis.testing import Client, refused

NUMBER, HIDDEN = "13812345678", "138****5678"


def struct(**values: Any) -> Struct:
    made = Struct()
    made.update(values)
    return made


async def own_field(client: Client, resource: str, key: str, **values: Any) -> None:
    field = fields.CustomField(resource=resource, key=key, **{"type": "TEXT", **values})
    await client.SetCustomField(fields.SetCustomFieldRequest(custom_field=field))


async def test_the_tenants_own_personal_field_is_masked_wherever_it_shows(sut: Client) -> None:
    await own_field(sut, "contacts", "second_phone", personal_data=options_pb2.PHONE)
    await own_field(sut, "contacts", "visits", type="INTEGER", personal_data=options_pb2.PHONE)
    await own_field(sut, "contacts", "shoe_size")
    values = struct(second_phone=NUMBER, visits=3, shoe_size="42 13812345678")
    made = await create(sut, custom=values)
    assert made.custom["second_phone"] == NUMBER
    caller = sut.as_(masks=["PHONE"])
    shown = {"second_phone": HIDDEN, "shoe_size": "42 13812345678"}
    assert dict((await caller.GetContact(pb.GetContactRequest(id=made.id))).custom) == shown
    assert [dict(one.custom) for one in await everything(caller)] == [shown]
    assert dict((await create(caller, custom=values)).custom) == shown
    request = pb.UpdateContactRequest(contact=pb.Contact(id=made.id, department="销售部"))
    assert dict((await caller.UpdateContact(request)).custom) == shown
    for asked in (
        pb.ListContactsRequest(filter=f'custom.second_phone = "{NUMBER}"', count=True),
        pb.ListContactsRequest(order_by="custom.second_phone"),
    ):
        with refused("CONDITION_INVALID"):
            await caller.ListContacts(asked)
    assert dict((await sut.as_(masks=["EMAIL"]).GetContact(pb.GetContactRequest(id=made.id))).custom) == dict(values)


async def test_a_repeated_request_is_answered_with_the_masks_of_today(sut: Client) -> None:
    await own_field(sut, "contacts", "second_phone", personal_data=options_pb2.PHONE)
    given = contact(phones=[{"number": NUMBER}], custom=struct(second_phone=NUMBER))
    request = pb.CreateContactRequest(contact=given)
    user_id = sut.principal.user_id
    assert NUMBER in str(await sut.CreateContact(request, request_id="again"))
    again = await sut.as_(user_id=user_id, masks=["PHONE"]).CreateContact(request, request_id="again")
    assert NUMBER not in str(again)
    assert again.phones[0].number == again.custom["second_phone"] == HIDDEN


async def test_somebody_elses_request_id_gives_nothing_away(sut: Client) -> None:
    request = pb.CreateContactRequest(contact=contact())
    made = await sut.CreateContact(request, request_id="mine")
    assert (await sut.as_().CreateContact(request, request_id="mine")).id != made.id
    other = contact("李四")
    assert (
        await sut.as_().CreateContact(pb.CreateContactRequest(contact=other), request_id="mine")
    ).full_name == "李四"


async def test_free_words_of_a_masked_class_are_found_by_nobody_who_has_it_masked(sut: Client) -> None:
    await activity(sut, "致电 13812345678")
    caller = sut.as_(masks=["FREE_TEXT"])
    page = await caller.ListActivities(activities.ListActivitiesRequest(q=NUMBER, count=True))
    assert (list(page.activities), page.total_size) == ([], 0)
    with refused("CONDITION_INVALID"):
        await caller.ListActivities(activities.ListActivitiesRequest(order_by="title"))


async def test_masks_leave_alone_what_a_process_goes_on_with(sut: Client) -> None:
    going_on = contact(phones=[{"number": NUMBER}])
    caller = sut.as_(masks=["PHONE"]).principal
    seen = await shown(sut.running.runtime, going_on, Context(principal=caller, method="test"))
    assert NUMBER not in str(seen)
    assert going_on.phones[0].number == NUMBER


def test_the_result_of_an_operation_is_masked_like_any_reply() -> None:
    operation = Operation(method="x")
    operation.result.Pack(Lead(mobile=NUMBER, full_name="王芳"))
    whole = ListOperationsResponse(operations=[operation])
    mask(whole, frozenset({"PHONE"}))
    shown = Lead()
    assert whole.operations[0].result.Unpack(shown)
    assert (shown.mobile, shown.full_name) == (HIDDEN, "王芳")


def test_an_operation_whose_result_nobody_knows_shows_none() -> None:
    operation = Operation(method="x")
    operation.result.type_url = "type.googleapis.com/tercet.gone.v1.Thing"
    operation.result.value = NUMBER.encode()
    mask(operation, frozenset({"PHONE"}))
    assert NUMBER.encode() not in operation.SerializeToString()


def test_what_is_kept_as_it_came_is_hidden_as_soon_as_anything_is() -> None:
    for message in (
        Touch(raw=struct(电话=NUMBER)),
        ImportRowError(cells=[NUMBER]),
        ExportImportErrorsResponse(content=NUMBER.encode()),
    ):
        mask(message, frozenset({"ID_NUMBER"}))
        assert NUMBER not in str(message)
        assert NUMBER.encode() not in message.SerializeToString()


def test_a_position_is_an_address() -> None:
    lead = Lead(longitude=121.4, latitude=31.2)
    mask(lead, frozenset({"ADDRESS"}))
    assert lead == Lead()


def test_a_day_of_birth_is_not_half_shown() -> None:
    one = pb.Contact(birth_date="1990-12-31")
    mask(one, frozenset({"BIRTH_DATE"}))
    assert one.birth_date == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13812345678", "138****5678"),
        ("62345678", "62****78"),
        ("6234567", "6**"),
        ("wang.fang@example.com", "w***@example.com"),
        ('{"mail":"a@b.cn","mobile":"13812345678"}', '{"m****78"}'),
        ("王芳@13812345678", "王芳@****5678"),
        ("mail a@b.cn, call 13812345678, 上海市中山路1号", "mai****山路1号"),
        ("王芳", "王**"),
        ("", ""),
    ],
)
def test_a_shortened_value_is_not_the_value(text: str, shown: str) -> None:
    assert shortened(text) == shown


async def test_what_is_sent_back_as_it_was_shown_stays_what_it_is(sut: Client) -> None:
    await own_field(sut, "contacts", "second_phone", personal_data=options_pb2.PHONE)
    await own_field(sut, "contacts", "shoe_size")
    made = await create(
        sut,
        phones=[{"number": NUMBER, "label": "work"}],
        birth_date="1990-01-01",
        custom=struct(second_phone=NUMBER, shoe_size="42"),
    )
    caller = sut.as_(masks=["PHONE", "BIRTH_DATE"])
    form = await caller.GetContact(pb.GetContactRequest(id=made.id))
    assert (form.phones[0].number, form.birth_date, form.custom["second_phone"]) == (HIDDEN, "", HIDDEN)
    form.department = "销售部"
    form.custom["shoe_size"] = "43"
    await caller.UpdateContact(pb.UpdateContactRequest(contact=form, update_mask=FieldMask(paths=["*"])))
    kept = await sut.GetContact(pb.GetContactRequest(id=made.id))
    assert (kept.phones[0].number, kept.birth_date, kept.department) == (NUMBER, "1990-01-01", "销售部")
    assert dict(kept.custom) == {"second_phone": NUMBER, "shoe_size": "43"}
    form.phones[0].number, form.etag = "13900001111", ""
    await caller.UpdateContact(pb.UpdateContactRequest(contact=form, update_mask=FieldMask(paths=["phones"])))
    assert (await sut.GetContact(pb.GetContactRequest(id=made.id))).phones[0].number == "13900001111"
