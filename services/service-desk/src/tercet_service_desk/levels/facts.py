"""What a level's condition may ask of a ticket, parsed once and kept compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from tercet_conditions import (
    Explanation,
    Field,
    FieldType,
    Node,
    Schema,
    compile_closure,
    explain,
    parse_json,
    parse_text,
    paths,
)

Facts = Mapping[str, Any]
_T, _U = Field(FieldType.TEXT), Field(FieldType.UUID)
FIELDS: dict[str, Field] = {
    **dict.fromkeys("subject description type_code requester_name external_system".split(), _T),
    "priority": Field(FieldType.ENUM, values=("LOW", "NORMAL", "HIGH", "URGENT")),
    "arrival": Field(FieldType.ENUM, values=("PHONE", "EMAIL", "CHAT", "FORM", "COUNTER", "QR", "DEVICE")),
    **dict.fromkeys("party_id customer_id order_id asset_id unit_id owner_id partner_party_id".split(), _U),
    "reopen_count": Field(FieldType.INTEGER),
}
_NEVER_MISSING = ("subject", "description", "type_code", "requester_name")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be asked."""

    tree: Node
    schema: Schema
    holds: Callable[[Facts], bool]
    paths: frozenset[str]

    def explain(self, facts: Facts) -> Explanation:
        """Whether it holds, and which terms decided."""
        return explain(self.tree, facts, self.schema)


_PLAIN = Schema(FIELDS)


@lru_cache(maxsize=1024)
def _plain(text: str) -> Condition:
    return _parsed(text, _PLAIN)


def _parsed(text: str, schema: Schema) -> Condition:
    if text.lstrip().startswith("{"):
        try:
            tree = parse_json(orjson.loads(text), schema)
        except orjson.JSONDecodeError as broken:
            raise ValueError(f"the condition begins like JSON and is none: {broken}") from broken
    else:
        tree = parse_text(text, schema)
    return Condition(tree, schema, compile_closure(tree, schema), paths(tree))


def condition(text: str, custom: Mapping[str, Field]) -> Condition:
    """A level's condition, from AIP-160 text or JSON; empty text holds of every ticket. Refuses (ValueError) what does
    not parse and what speaks of the present moment, which no change of a ticket would announce.
    """
    return _parsed(text, Schema(FIELDS, custom=custom.get)) if "custom." in text else _plain(text)


def facts_of(ticket: Any) -> dict[str, Any]:
    """A ticket as conditions see it."""
    facts = {path: getattr(ticket, path) for path in FIELDS}
    # A ticket that is just being made has not met its columns' defaults yet.
    facts |= {path: facts[path] or "" for path in _NEVER_MISSING}
    return {**facts, "reopen_count": ticket.reopen_count or 0, "custom": ticket.custom or {}}


def value_at(facts: Facts, path: str) -> Any:
    """What stands at a path."""
    if path.startswith("custom."):
        return facts["custom"].get(path.removeprefix("custom."))
    return facts.get(path)
