"""What routing rules may ask of a ticket, parsed once and kept compiled."""

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
    Explanation,
    Field,
    FieldType,
    Node,
    Schema,
    compile_closure,
    parse_json,
    parse_text,
)
from tercet_conditions import explain as explained

Facts = Mapping[str, Any]
PRIORITIES = ("URGENT", "HIGH", "NORMAL", "LOW")
# What people wrote: an explanation that is kept tells only whether it fits.
PERSONAL = frozenset({"subject", "description", "requester_name"})
_T, _I, _U = Field(FieldType.TEXT), Field(FieldType.INTEGER), Field(FieldType.UUID)
FIELDS: dict[str, Field] = {
    **dict.fromkeys("number subject description type_code requester_name external_system".split(), _T),
    "priority": Field(FieldType.ENUM, values=PRIORITIES),
    "arrival": Field(FieldType.ENUM, values=("PHONE", "EMAIL", "CHAT", "FORM", "COUNTER", "QR", "DEVICE")),
    "state": Field(FieldType.ENUM, values=("NEW", "OPEN", "PENDING", "SOLVED", "CLOSED")),
    **dict.fromkeys("unit_id partner_party_id party_id customer_id order_id asset_id owner_id".split(), _U),
    **dict.fromkeys(("reopen_count", "entry_count"), _I),
    "create_time": Field(FieldType.INSTANT),
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
        return explained(self.tree, facts, self.schema, clock=_CLOCK)


def _condition(text: str, custom: Mapping[str, Field]) -> Condition:
    schema = Schema(FIELDS, custom=custom.get)
    tree = parse_json(_json(text), schema) if text.lstrip().startswith("{") else parse_text(text, schema)
    return Condition(tree, schema, compile_closure(tree, schema, clock=_CLOCK))


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as broken:
        raise ValueError(f"the condition begins like JSON and is none: {broken}") from broken


@lru_cache(maxsize=4096)
def _plain(text: str) -> Condition:
    return _condition(text, {})


def condition(text: str, custom: Mapping[str, Field]) -> Condition:
    """The condition of a rule, from AIP-160 text or JSON; empty text holds of every ticket. Refuses (ValueError) what
    does not parse.
    """
    return _condition(text, custom) if "custom." in text else _plain(text)


def facts_of(ticket: Any, custom: Mapping[str, Any]) -> Facts:
    """A ticket, or a row of its columns, as conditions see it."""
    values = {path: getattr(ticket, path, None) for path in FIELDS}
    return {**values, "custom": dict(custom), **{f"custom.{key}": value for key, value in custom.items()}}
