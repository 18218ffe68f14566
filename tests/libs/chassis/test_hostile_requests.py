"""Values that the wire lets through and no field means are refused at the door, each with its path; a refusal always
arrives, however long its texts are.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from support.bench.requests import contact, create
from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis import wellformed
from tercet_chassis.errors import InvalidArgument, RequestInvalid, Violation
from tercet_chassis.faults import refusal_of
from tercet_chassis.status import status_of
from tercet_chassis.testing import Client, refused


def struct(**values: Any) -> Struct:
    made = Struct()
    made.update(values)
    return made


HOSTILE: dict[str, tuple[pb.Contact, str]] = {
    "a time before the calendar": (contact(create_time=Timestamp(seconds=-(2**62))), "contact.create_time"),
    "a time after the calendar": (contact(create_time=Timestamp(seconds=253_402_300_799)), "contact.create_time"),
    "nanoseconds beyond a second": (contact(create_time=Timestamp(nanos=2**31 - 1)), "contact.create_time"),
    "an enum number without a name": (contact(buying_role=99), "contact.buying_role"),
    "a zero character": (contact("a\0b"), "contact.full_name"),
    "a zero character in a list": (contact(phones=[{"number": "1\0"}]), "contact.phones[0].number"),
    "a number that is none": (contact(custom=struct(size=float("nan"))), "contact.custom.fields.size.number_value"),
    "an endless number": (contact(custom=struct(size=float("inf"))), "contact.custom.fields.size.number_value"),
    "a zero character in a key": (contact(custom=struct(**{"a\0": 1})), "contact.custom.fields.a"),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_values_without_a_meaning_are_refused_with_their_path(sut: Client, what: str) -> None:
    given, field = HOSTILE[what]
    with refused("REQUEST_INVALID", field):
        await sut.CreateContact(pb.CreateContactRequest(contact=given))


async def test_a_patch_is_looked_at_as_well(sut: Client) -> None:
    made = await create(sut)
    given = pb.Contact(id=made.id, remark="a\0")
    with refused("REQUEST_INVALID", "contact.remark"):
        await sut.UpdateContact(pb.UpdateContactRequest(contact=given, update_mask=FieldMask(paths=["remark"])))


def test_a_duration_has_bounds_and_one_sign() -> None:
    for wrong in (Duration(seconds=2**60), Duration(nanos=10**9), Duration(seconds=1, nanos=-1)):
        with pytest.raises(RequestInvalid):
            wellformed.check(wrong)
    wellformed.check(Duration(seconds=-1, nanos=-1))


class TooLong(InvalidArgument):
    """Names what was given."""

    text = "{given} does not fit."


def test_a_refusal_fits_the_trailers_whatever_it_names() -> None:
    violations = [Violation("字段" * 400, f"REASON_{n}", "说明" * 4000) for n in range(5000)]
    status = status_of(TooLong(given="值" * 70_000, violations=violations))
    assert len(status.SerializeToString()) * 4 / 3 + len(status.message.encode()) * 3 < 8192
    assert status.message.startswith("值值")


async def test_a_refusal_that_names_a_huge_value_arrives(sut: Client) -> None:
    with refused("FIELD_NOT_WRITABLE"):
        mask = FieldMask(paths=["x" * 70_000])
        made = await create(sut)
        await sut.UpdateContact(pb.UpdateContactRequest(contact=pb.Contact(id=made.id), update_mask=mask))


def test_a_time_beyond_the_calendar_and_digits_beyond_what_is_kept_are_refusals() -> None:
    for work in (lambda: date.max + timedelta(days=1), lambda: Decimal("1e60").quantize(Decimal("0.01"))):
        with pytest.raises((OverflowError, ArithmeticError)) as failed:
            work()
        refusal = refusal_of(failed.value, {})
        assert refusal is not None
        assert refusal.reason == "VALUE_NOT_STORABLE"
