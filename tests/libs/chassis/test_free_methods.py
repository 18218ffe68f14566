"""Get, create, update and delete without a line of code: what they keep, change and refuse."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct

from support.bench.requests import activity, contact, create
from tercet.chassis.v1 import custom_field_service_pb2 as fields
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet.type.v1.reference_pb2 import ExternalRef, ResourceRef
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


def update(id: str, paths: list[str], **values: Any) -> pb.UpdateContactRequest:
    return pb.UpdateContactRequest(contact=pb.Contact(id=id, **values), update_mask=FieldMask(paths=paths))


async def define(client: Client, key: str, type: str, *, resource: str = "contacts", **values: Any) -> None:
    await client.SetCustomField(
        fields.SetCustomFieldRequest(custom_field=fields.CustomField(resource=resource, key=key, type=type, **values))
    )


def struct(**values: Any) -> Struct:
    made = Struct()
    made.update(values)
    return made


async def test_created_resource_is_read_back_whole(sut: Client) -> None:
    given = contact(
        "欧阳 娜娜",
        buying_role="CHAMPION",
        birth_date="1990-12-31",
        phones=[{"number": "+8613812345678", "primary": True}],
        external_ref=ExternalRef(system="erp", id="K-1"),
        preferred=True,
    )
    made = await sut.CreateContact(pb.CreateContactRequest(contact=given))
    got = await sut.GetContact(pb.GetContactRequest(id=made.id))
    assert got == made
    assert (got.full_name, got.birth_date, got.external_ref.id, got.etag) == ("欧阳 娜娜", "1990-12-31", "K-1", "1")
    assert got.buying_role == pb.Contact.BuyingRole.CHAMPION
    assert got.HasField("create_time")


async def test_client_may_choose_the_id_once(sut: Client) -> None:
    id = str(new_id())
    assert (await create(sut, id=id)).id == id
    with refused("RESOURCE_ALREADY_EXISTS"):
        await create(sut, id=id)


async def test_default_holds_where_the_client_says_nothing(sut: Client) -> None:
    made = await create(sut)
    assert (made.job_title, made.active) == ("unknown", True)
    assert made.buying_role == 0


async def test_output_only_fields_are_ignored_when_created(sut: Client) -> None:
    made = await activity(sut, state="DONE", edit_count=7)
    assert (made.state, made.edit_count) == (activities.Activity.State.OPEN, 0)


async def test_owner_and_unit_are_the_callers_unless_given(sut: Client) -> None:
    made = await create(sut)
    assert made.owner_id == sut.principal.subject
    assert made.unit_id == str(sut.principal.unit_id)
    owner = str(uuid4())
    assert (await create(sut, owner_id=owner)).owner_id == owner


async def test_taken_unique_key_names_its_field(sut: Client) -> None:
    reference = ExternalRef(system="erp", id="K-7")
    await create(sut, external_ref=reference)
    with refused("RESOURCE_ALREADY_EXISTS", "contact.external_ref"):
        await create(sut, external_ref=reference)


async def test_same_key_is_free_in_another_tenant(sut: Client) -> None:
    reference = ExternalRef(system="erp", id="K-8")
    await create(sut, external_ref=reference)
    other = await sut.running.tenant()
    assert (await create(other, external_ref=reference)).id


async def test_violations_name_their_paths(sut: Client) -> None:
    with refused("REQUEST_INVALID", "contact.full_name"):
        await create(sut, "")
    with refused("REQUEST_INVALID", "contact.phones[1].number"):
        await create(sut, phones=[{"number": "1"}, {"number": ""}])
    with refused("REQUEST_INVALID", "id"):
        await sut.GetContact(pb.GetContactRequest(id="not an id"))


async def test_impossible_day_is_refused_with_its_field(sut: Client) -> None:
    with refused("VALUE_INVALID", "birth_date"):
        await create(sut, birth_date="2026-02-30")


async def test_text_with_a_zero_character_is_refused(sut: Client) -> None:
    with refused("REQUEST_INVALID", "contact.job_title"):
        await create(sut, job_title="a\0b")


async def test_another_tenants_id_is_unknown(sut: Client) -> None:
    made = await create(sut)
    other = await sut.running.tenant()
    with refused("RESOURCE_NOT_FOUND"):
        await other.GetContact(pb.GetContactRequest(id=made.id))
    with refused("RESOURCE_NOT_FOUND"):
        await other.UpdateContact(update(made.id, ["remark"], remark="x"))
    with refused("RESOURCE_NOT_FOUND"):
        await other.DeleteContact(pb.DeleteContactRequest(id=made.id))


async def test_old_etag_is_refused_and_the_present_one_works(sut: Client) -> None:
    made = await create(sut)
    changed = await sut.UpdateContact(update(made.id, ["remark"], remark="a", etag=made.etag))
    assert changed.etag != made.etag
    with refused("ETAG_MISMATCH", "etag"):
        await sut.UpdateContact(update(made.id, ["remark"], remark="b", etag=made.etag))
    with refused("ETAG_MISMATCH"):
        await sut.DeleteContact(pb.DeleteContactRequest(id=made.id, etag=made.etag))
    await sut.DeleteContact(pb.DeleteContactRequest(id=made.id, etag=f'W/"{changed.etag}"'))
    with refused("RESOURCE_NOT_FOUND"):
        await sut.GetContact(pb.GetContactRequest(id=made.id))


async def test_patch_without_change_keeps_the_etag(sut: Client) -> None:
    made = await create(sut)
    assert await sut.UpdateContact(update(made.id, ["full_name"], full_name=made.full_name)) == made


async def test_patch_changes_what_its_mask_names(sut: Client) -> None:
    made = await create(sut, remark="r", department="d")
    got = await sut.UpdateContact(update(made.id, ["remark"], remark="new", department="left out"))
    assert (got.remark, got.department) == ("new", "d")


async def test_patch_without_mask_takes_what_the_body_has(sut: Client) -> None:
    made = await create(sut, remark="r", department="d")
    request = pb.UpdateContactRequest(contact=pb.Contact(id=made.id, remark="new"))
    got = await sut.UpdateContact(request)
    assert (got.remark, got.department) == ("new", "d")


async def test_masked_field_without_value_is_cleared(sut: Client) -> None:
    made = await create(sut, birth_date="1990-01-01", language_code="zh", external_ref=ExternalRef(system="e", id="1"))
    got = await sut.UpdateContact(update(made.id, ["birth_date", "language_code", "external_ref"]))
    assert (got.birth_date, got.language_code, got.HasField("external_ref")) == ("", "", False)


async def test_nested_path_leaves_its_neighbours_alone(sut: Client) -> None:
    made = await activity(sut, address={"city": "杭州", "street": "文三路 1 号"})
    mask = FieldMask(paths=["address.city"])
    request = activities.UpdateActivityRequest(activity=activities.Activity(id=made.id), update_mask=mask)
    request.activity.address.city = "上海"
    got = await sut.UpdateActivity(request)
    assert (got.address.city, got.address.street) == ("上海", "文三路 1 号")


@pytest.mark.parametrize("path", ["state", "edit_count", "kind", "done_time", "nonsense", "subject.id"])
async def test_fields_that_clients_may_not_set_are_refused(sut: Client, path: str) -> None:
    made = await activity(sut)
    given = activities.Activity(id=made.id, state="DONE", edit_count=3, kind="CALL")
    given.done_time.GetCurrentTime()
    given.subject.CopyFrom(ResourceRef(service="sales", type="order", id=str(new_id())))
    request = activities.UpdateActivityRequest(activity=given, update_mask=FieldMask(paths=[path]))
    with refused("FIELD_NOT_WRITABLE"):
        await sut.UpdateActivity(request)


async def test_immutable_field_with_its_present_value_passes(sut: Client) -> None:
    made = await create(sut)
    got = await sut.UpdateContact(update(made.id, ["customer_id", "remark"], customer_id=made.customer_id, remark="n"))
    assert got.remark == "n"


async def test_resource_must_be_valid_as_a_whole_after_a_patch(sut: Client) -> None:
    made = await create(sut)
    with refused("REQUEST_INVALID", "contact.full_name"):
        await sut.UpdateContact(update(made.id, ["full_name"]))


async def test_update_of_what_is_no_id_finds_nothing(sut: Client) -> None:
    with refused("RESOURCE_NOT_FOUND"):
        await sut.UpdateContact(update("not an id", ["remark"], remark="x"))


async def test_custom_values_are_typed_merged_and_cleared(sut: Client) -> None:
    await define(sut, "level", "CHOICE", options=["A", "B"])
    await define(sut, "count", "INTEGER")
    await define(sut, "size", "DECIMAL")
    made = await create(sut, custom=struct(level="A", count=3, size="1.50"))
    assert dict(made.custom) == {"level": "A", "count": 3, "size": "1.50"}
    got = await sut.UpdateContact(update(made.id, ["custom.count", "custom.size"], custom=struct(count=4)))
    assert dict(got.custom) == {"level": "A", "count": 4}
    for key, value in (("level", "C"), ("count", 1.5), ("count", "x"), ("unknown", 1), ("size", "much")):
        with refused("CUSTOM_FIELD_INVALID", f"custom.{key}"):
            await create(sut, custom=struct(**{key: value}))


async def test_required_custom_value_is_required_once_it_is_defined(sut: Client) -> None:
    old = await create(sut)
    await define(sut, "grade", "TEXT", required=True)
    with refused("CUSTOM_FIELD_INVALID", "custom.grade"):
        await create(sut)
    made = await create(sut, custom=struct(grade="x"))
    with refused("CUSTOM_FIELD_INVALID", "custom.grade"):
        await sut.UpdateContact(update(made.id, ["custom.grade"]))
    assert (await sut.UpdateContact(update(old.id, ["remark"], remark="still"))).remark == "still"


async def test_value_of_a_removed_definition_stands_in_no_ones_way(sut: Client) -> None:
    await define(sut, "old", "TEXT")
    await define(sut, "new", "TEXT")
    made = await create(sut, custom=struct(old="1"))
    await sut.DeleteCustomField(fields.DeleteCustomFieldRequest(resource="contacts", key="old"))
    got = await sut.UpdateContact(update(made.id, ["custom.new"], custom=struct(new="2")))
    assert dict(got.custom) == {"old": "1", "new": "2"}


async def test_type_of_a_field_with_values_stays(sut: Client) -> None:
    await define(sut, "code", "TEXT")
    await create(sut, custom=struct(code="1"))
    with refused("CUSTOM_FIELD_IN_USE", "custom_field.type"):
        await define(sut, "code", "INTEGER")
    with refused("RESOURCE_HAS_NO_CUSTOM_FIELDS"):
        await define(sut, "code", "TEXT", resource="happenings")
