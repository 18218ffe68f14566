"""What rules may ask of a lead: the paths of scoring, qualification and assignment conditions, parsed once and kept
compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from tercet_conditions import (
    Clock,
    ConditionError,
    Explanation,
    Field,
    FieldType,
    Node,
    Schema,
    compile_closure,
    explain,
    parse_json,
    parse_text,
)

Facts = Mapping[str, Any]
GRADES = ("A", "B", "C", "D")
_T, _I, _B = Field(FieldType.TEXT), Field(FieldType.INTEGER), Field(FieldType.BOOLEAN)
_AT, _U, _L = Field(FieldType.INSTANT), Field(FieldType.UUID), Field(FieldType.LIST)

FIELDS: dict[str, Field] = {
    **dict.fromkeys(
        "full_name company_name job_title mobile phone email wechat website remark "
        "country_code province city district address source_code source_kind "
        "source_path last_source_code external_system".split(),
        _T,
    ),
    "kind": Field(FieldType.ENUM, values=("PERSON", "COMPANY")),
    "link_state": Field(FieldType.ENUM, values=("UNRESOLVED", "PROBABLE", "CONFIRMED")),
    "entry": Field(FieldType.ENUM, values=("API", "BATCH", "IMPORT", "FORM")),
    "grade": Field(FieldType.ENUM, values=GRADES),
    **dict.fromkeys(("score", "touch_count"), _I),
    **dict.fromkeys(("mobile_valid", "email_valid", "identified", "existing_customer"), _B),
    **dict.fromkeys(("occur_time", "last_touch_time"), _AT),
    **dict.fromkeys(("campaign_id", "placement_id", "unit_id"), _U),
    **dict.fromkeys(("interests", "flags"), _L),
}

_moment: ContextVar[datetime] = ContextVar("moment")
_CLOCK = Clock(lambda: _moment.get(datetime.now(UTC)))


def judging_at(now: datetime) -> None:
    """Sets what `now` means to conditions until the end of this task."""
    _moment.set(now)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be asked."""

    tree: Node
    schema: Schema
    holds: Callable[[Facts], bool]

    def explain(self, facts: Facts) -> Explanation:
        """Whether it holds, and which terms decided."""
        return explain(self.tree, facts, self.schema, clock=_CLOCK)


def schema_with(custom: Mapping[str, Field]) -> Schema:
    """The paths above and the tenant's own fields of a lead."""
    return Schema(FIELDS, custom=custom.get)


_PLAIN = schema_with({})


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Condition:
    return _condition(text, _PLAIN)


def _condition(text: str, schema: Schema) -> Condition:
    tree = parse_json(_json(text), schema) if text.lstrip().startswith("{") else parse_text(text, schema)
    return Condition(tree, schema, compile_closure(tree, schema, clock=_CLOCK))


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as broken:
        raise ValueError(f"the condition begins like JSON and is none: {broken}") from broken


def condition(text: str, custom: Mapping[str, Field] | None = None) -> Condition:
    """The condition of a rule, from AIP-160 text or JSON; empty text holds of every lead. Refuses (ValueError) what
    does not parse.
    """
    if custom and "custom." in text:
        return _condition(text, schema_with(custom))
    return _parsed(text)


__all__ = ["FIELDS", "GRADES", "Condition", "ConditionError", "Facts", "condition", "judging_at", "schema_with"]
