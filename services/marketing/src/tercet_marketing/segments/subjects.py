"""What can be a member of a segment, found by entry points. What cannot be used stops the start and is named.

A subject is an entity of this service about a party, the fields and lists that conditions may ask, the permission that
says who sees it, and the events that tell of its rows. Changes of its rows, facts, party moves and time are followed
here; whoever keeps rows that no event tells of calls `judge.judge` and `judge.forget`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from google.protobuf.message import Message

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis.entity import Custom, Entity, Linked, view
from tercet_conditions import Field, FieldType, Schema, SqlColumn
from tercet_marketing.profiles.model import Profile

GROUP = "tercet.marketing.segment_subjects"
CUSTOM = "custom."
_CODE = re.compile(r"^[a-z][a-z0-9_]{0,59}$")


class SubjectBroken(SystemExit):
    """A subject that is installed cannot be used."""


@dataclass(frozen=True)
class Subject:
    """One kind of member. `entity` is owned and linked; a dotted path lies in the JSON column before the dot; `lists`
    are JSON columns with lists of objects and what each entry has; `told_by` are events of this service whose first
    field is the row, each of which has it judged.
    """

    code: str
    entity: type[Entity]
    permission: str
    fields: Mapping[str, Field]
    lists: Mapping[str, Schema]
    told_by: tuple[type[Message], ...] = ()

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
    told_by=(events.ProfileUpdated, events.TagAdded, events.TagRemoved, events.ConsentChanged),
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
    """All subjects by code."""
    return load(entry_points(group=GROUP))


def load(entries: Iterable[EntryPoint]) -> dict[str, Subject]:
    """The subjects that entry points name. Raises SubjectBroken, naming the entry point of one that cannot be used."""
    found: dict[str, Subject] = {}
    for entry in sorted(entries, key=lambda entry: (entry.name, entry.value)):
        if entry.name in found:
            raise _broken(entry, "another distribution brings a subject of the same code")
        found[entry.name] = _loaded(entry)
    return found


def _loaded(entry: EntryPoint) -> Subject:
    try:
        subject = entry.load()
    # A plugin may fail in any way while it is imported; none is skipped.
    except Exception as fault:
        raise _broken(entry, f"it cannot be loaded: {fault!r}") from fault
    if not isinstance(subject, Subject):
        raise _broken(entry, "it is no Subject of tercet_marketing.segments.subjects")
    if subject.code != entry.name or not _CODE.match(subject.code):
        raise _broken(entry, f"its code {subject.code!r} must be the entry point's name, in small letters")
    if not issubclass(subject.entity, Linked):
        raise _broken(entry, f"{subject.entity.__name__} is not Linked: nobody knows whom its rows are about")
    missing = sorted(set(subject.columns) - set(subject.table.c.keys()))
    if missing:
        raise _broken(entry, f"{subject.entity.__name__} has no {', '.join(missing)}")
    return subject


def _broken(entry: EntryPoint, cause: str) -> SubjectBroken:
    return SubjectBroken(f"The segment subject {entry.name} ({entry.value}) cannot be used: {cause}.")
