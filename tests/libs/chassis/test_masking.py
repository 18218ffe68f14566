"""Field masks: a value is hidden by its own class, also where only the field beside it says which class that is."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from tercet.leads.v1.lead_service_pb2 import Finding, Lead
from tercet.marketing.v1.profile_service_pb2 import Profile, ProfileContactPoint
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket, TicketContactPoint
from tercet_chassis.contract import rule_of
from tercet_chassis.masking import mask

NUMBER, MAIL, ACCOUNT = "+8613812345678", "wang.fang@example.com", "wxid_wangfang"


def _points(made: Any) -> list[Any]:
    return [
        made(kind=made.Kind.PHONE, value=NUMBER),
        made(kind=made.Kind.EMAIL, value=MAIL),
        made(kind=made.Kind.ACCOUNT, value=ACCOUNT),
    ]


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("PHONE", ["+86****5678", MAIL, ACCOUNT]),
        ("EMAIL", [NUMBER, "w***@example.com", ACCOUNT]),
        ("ACCOUNT", [NUMBER, MAIL, "wxi****fang"]),
        ("NAME", [NUMBER, MAIL, ACCOUNT]),
    ],
)
def test_a_contact_point_is_hidden_by_what_it_is(hidden: str, shown: list[str]) -> None:
    for whole in (
        Profile(contact_points=_points(ProfileContactPoint)),
        Ticket(contact_points=_points(TicketContactPoint)),
    ):
        mask(whole, frozenset({hidden}))
        assert [point.value for point in whole.contact_points] == shown


def test_a_finding_is_hidden_with_the_field_it_is_about() -> None:
    lead = Lead(
        mobile=NUMBER,
        findings=[
            Finding(field="mobile", raw="138-1234-5678", value=NUMBER, flags=["formatted"]),
            Finding(field="city", raw="上海 138-1234-5678", value="上海市"),
            Finding(field="remark_of_the_source", raw="call 138-1234-5678", value=""),
        ],
    )
    mask(lead, frozenset({"PHONE"}))
    assert [finding.raw for finding in lead.findings][1:] == ["上海 138-1234-5678", "call 138-1234-5678"]
    assert (lead.mobile, lead.findings[0].raw, lead.findings[0].value) == ("+86****5678", "138****5678", "+86****5678")
    mask(lead, frozenset({"PHONE", "FREE_TEXT"}))
    assert "1234" not in str(lead)


def test_what_says_a_class_is_an_enum_or_a_text_beside_the_value() -> None:
    classified = [
        (field, field.containing_type.fields_by_name.get(rule_of(field).personal_data_by))
        for field in _every_field()
        if rule_of(field).personal_data_by
    ]
    assert len(classified) >= 4
    for field, beside in classified:
        assert rule_of(field).personal_data, f"{field.full_name} needs a class for when nothing is said"
        assert beside is not None, f"{field.full_name} names no field beside it"
        assert beside.enum_type is not None or beside.type == FieldDescriptor.TYPE_STRING, field.full_name


def _every_field() -> list[Any]:
    files = {whole.DESCRIPTOR.file for whole in (Lead, Profile, Ticket)}
    return [field for file in files for message in file.message_types_by_name.values() for field in message.fields]
