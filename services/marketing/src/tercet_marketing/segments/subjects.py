"""What can be a member of a segment. Profiles are built in; other packages add theirs by entry point.

A subject is an entity of this service about a party, the fields and lists that conditions may ask, and the permission
that says who sees it. Whoever adds one calls `judge.judge` when one of its rows has changed; facts and time are
followed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import entry_points
from typing import Any

from tercet_chassis.entity import Custom, Entity, view
from tercet_conditions import Field, FieldType, Schema, SqlColumn
from tercet_marketing.profiles.model import Profile

ENTRY_POINTS = "tercet.marketing.segment_subjects"
CUSTOM = "custom."


@dataclass(frozen=True)
class Subject:
    """One kind of member. `entity` is owned and linked; a dotted path lies in the JSON column before the dot; `lists`
    are JSON columns with lists of objects and what each entry has.
    """

    code: str
    entity: type[Entity]
    permission: str
    fields: Mapping[str, Field]
    lists: Mapping[str, Schema]

    @cached_property
    def table(self) -> Any:
        """The view that counts and samples read."""
        return view(self.entity)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What of a row is read to judge it."""
        own = ["custom"] if issubclass(self.entity, Custom) else []
        asked = {path.split(".")[0] for path in self.fields} | self.lists.keys()
        return tuple(sorted({"id", "identity_id", "party_id", "create_time", *asked, *own}))

    def resolve(self, path: str) -> SqlColumn:
        """Where a path lies."""
        column, _, key = path.partition(".")
        found = self.table.c[column]
        return SqlColumn(found, key=key) if key else SqlColumn(found, nullable=bool(found.nullable))

    def date_columns(self) -> dict[str, Any]:
        """The dates that have a column of their own: days that may come round."""
        dates = [path for path, field in self.fields.items() if field.type is FieldType.DATE]
        return {path: self.table.c[path] for path in dates if "." not in path}

    def list_columns(self) -> dict[str, Any]:
        """Where the lists lie."""
        return {name: self.table.c[name] for name in self.lists}


def _stored(type: FieldType, *values: str) -> Field:
    return Field(type, values=values, stored_json=True)


def _touch(name: str) -> dict[str, Field]:
    return {
        f"{name}.source_code": _stored(FieldType.TEXT),
        f"{name}.touch_time": _stored(FieldType.INSTANT),
    }


def _amount(name: str) -> dict[str, Field]:
    return {
        f"{name}.amount": _stored(FieldType.MONEY),
        f"{name}.currency_code": _stored(FieldType.TEXT),
    }


PROFILE = Subject(
    code="profile",
    entity=Profile,
    permission="marketing.profile.read",
    fields={
        "kind": Field(FieldType.ENUM, values=("PERSON", "COMPANY")),
        "display_name": Field(FieldType.TEXT),
        "birth_date": Field(FieldType.DATE),
        "lead_state": Field(FieldType.TEXT),
        "lifecycle": Field(FieldType.ENUM, values=("LEAD", "PROSPECT", "FIRST_BUYER", "REPEAT_BUYER")),
        "lifecycle_code": Field(FieldType.TEXT),
        "order_count": Field(FieldType.INTEGER),
        "first_order_time": Field(FieldType.INSTANT),
        "last_order_time": Field(FieldType.INSTANT),
        "tag_codes": Field(FieldType.LIST),
        "unit_id": Field(FieldType.UUID),
        "owner_id": Field(FieldType.UUID),
        "partner_party_id": Field(FieldType.UUID),
        "create_time": Field(FieldType.INSTANT),
        **_touch("first_touch"),
        **_touch("last_touch"),
    },
    lists={
        "values": Schema(
            {
                "unit_id": _stored(FieldType.UUID),
                "quadrant": _stored(FieldType.TEXT),
                "order_count": _stored(FieldType.INTEGER),
                "orders_per_quarter": _stored(FieldType.DECIMAL),
                "period_start_date": _stored(FieldType.DATE),
                "last_time": _stored(FieldType.INSTANT),
                **_amount("total"),
                **_amount("average"),
            }
        ),
        "tags": Schema(
            {
                "tag_code": _stored(FieldType.TEXT),
                "source": _stored(FieldType.TEXT),
                "add_time": _stored(FieldType.INSTANT),
                "expire_time": _stored(FieldType.INSTANT),
            }
        ),
        "consents": Schema({"purpose": _stored(FieldType.TEXT), "state": _stored(FieldType.TEXT)}),
    },
)


@cache
def subjects() -> Mapping[str, Subject]:
    """All subjects by code. Refuses (ValueError) to start with two of one code, and raises what a plugin raises."""
    known = {PROFILE.code: PROFILE}
    for point in entry_points(group=ENTRY_POINTS):
        found: Subject = point.load()
        if found.code in known:
            raise ValueError(f"there are two segment subjects {found.code}: rename the one of {point.value}")
        known[found.code] = found
    return known
