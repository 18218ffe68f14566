"""Conditions on entries of a list, `{"some": {"of": "values", "where": {...}}}`, and on other segments,
`{"member_of": "vip"}`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Text

from tercet_chassis.entity import view
from tercet_conditions import (
    Check,
    Clock,
    Getter,
    Holds,
    Node,
    Reason,
    Schema,
    SqlColumn,
    compile_closure,
    compile_sql,
    explain,
    read_inner,
    to_json,
)
from tercet_marketing.segments.model import SegmentMember
from tercet_marketing.segments.rules import SEGMENTS


@dataclass(frozen=True)
class Some(Node):
    """At least one entry of a list fits the condition inside."""

    of: str
    where: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.where,)


class SomeKind:
    """Lists of objects that a subject has, each with the schema of its entries and the column it lies in. `record`
    makes the words say what was read of one.
    """

    key = "some"
    node = Some

    def __init__(
        self,
        lists: Mapping[str, Schema],
        columns: Mapping[str, ColumnElement[Any]],
        record: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self._lists, self._columns, self._record, self._clock = lists, columns, record, clock

    def parse(self, value: Any, check: Check, pointer: str) -> Some | None:
        """Refuses a list that there is not, and what its entries do not have."""
        if not isinstance(value, Mapping) or value.keys() != {"of", "where"}:
            check.refuse(Reason.BAD_SHAPE, 'some takes {"of": ..., "where": {...}}', pointer)
            return None
        of = value["of"]
        if not isinstance(of, str) or of not in self._lists:
            check.refuse(Reason.UNKNOWN_PATH, f"choose one of {', '.join(self._lists)}", f"{pointer}/of")
            return None
        where = read_inner(value["where"], check.within(self._lists[of]), f"{pointer}/where")
        return None if where is None else Some(of, where)

    def to_json(self, node: Some) -> dict[str, Any]:
        return {"of": node.of, "where": to_json(node.where)}

    def json_schema(self) -> Mapping[str, Any]:
        return {
            "type": "object",
            "properties": {"of": {"enum": list(self._lists)}, "where": {"$ref": "#/$defs/condition"}},
            "required": ["of", "where"],
            "additionalProperties": False,
        }

    def sql(self, node: Some, clock: Clock | None) -> ColumnElement[bool]:
        entry: Any = func.jsonb_array_elements(self._columns[node.of], type_=JSONB()).column_valued("entry")

        def resolve(path: str) -> SqlColumn:
            *above, key = path.split(".")
            document = entry
            for name in above:
                document = document.op("->", return_type=JSONB())(literal(name, Text()))
            return SqlColumn(document, key=key)

        fits = compile_sql(node.where, self._lists[node.of], resolve, clock=clock)
        return exists(select(entry).where(fits))

    def closure(self, node: Some, getter: Getter, clock: Clock | None) -> Holds:
        read = getter(node.of)
        fits = compile_closure(node.where, self._lists[node.of], clock=clock)
        return lambda record: any(fits(entry) for entry in read(record) or ())

    def paths(self, node: Some) -> Iterable[str]:
        return [node.of]

    def words(self, node: Some, schema: Schema) -> str:
        asked = f"one of {node.of} fits {to_json(node.where)}"
        if self._record is None:
            return asked
        entries = self._record.values.get(node.of) or ()
        said = [explain(node.where, entry, self._lists[node.of], clock=self._clock).because for entry in entries]
        return f"{asked} ({'; '.join(said) or 'there is none'})"


@dataclass(frozen=True)
class MemberOf(Node):
    """Is a member of another segment."""

    code: str


class MemberOfKind:
    """Standing in other segments of the same subject; `codes` are those that may be asked, None when all may."""

    key = "member_of"
    node = MemberOf

    def __init__(self, subject_id: ColumnElement[Any], codes: Collection[str] | None = None) -> None:
        self._subject_id, self._codes = subject_id, codes

    def parse(self, value: Any, check: Check, pointer: str) -> MemberOf | None:
        """Refuses a code that no segment of the subject has."""
        if not isinstance(value, str) or (self._codes is not None and value not in self._codes):
            message = "name the code of a segment of the same subject that is not archived"
            check.refuse(Reason.WRONG_VALUE, message, pointer)
            return None
        return MemberOf(value)

    def to_json(self, node: MemberOf) -> str:
        return node.code

    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string"}

    def sql(self, node: MemberOf, clock: Clock | None) -> ColumnElement[bool]:
        members = view(SegmentMember).alias()
        inside = select(members.c.subject_id).where(members.c.segment_code == node.code, members.c.state == "IN")
        return self._subject_id.in_(inside)

    def closure(self, node: MemberOf, getter: Getter, clock: Clock | None) -> Holds:
        return lambda record: node.code in record.segments

    def paths(self, node: MemberOf) -> Iterable[str]:
        return [SEGMENTS + node.code]

    def words(self, node: MemberOf, schema: Schema) -> str:
        return f"a member of segment {node.code}"
