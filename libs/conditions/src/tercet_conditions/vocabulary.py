"""What the conditions of one kind of rule may ask, and each condition read once and kept ready."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from .clock import Clock
from .closure import compile_closure
from .errors import Reason, refusal
from .explain import Explanation, explain, paths
from .json_form import parse_json
from .schema import Field, Schema
from .text_form import parse_text
from .tree import Node

Facts = Mapping[str, Any]
_NO_FIELDS: Mapping[str, Field] = {}
_moment: ContextVar[datetime] = ContextVar("moment")
_CLOCK = Clock(lambda: _moment.get(datetime.now(UTC)))


def judging_at(now: datetime) -> None:
    """Sets what `now` means to the conditions of vocabularies until the end of this task."""
    _moment.set(now)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition ready to be asked."""

    tree: Node
    schema: Schema
    holds: Callable[[Facts], bool]
    clock: Clock | None = None

    @property
    def paths(self) -> frozenset[str]:
        """The paths it speaks of."""
        return paths(self.tree)

    def explain(self, facts: Facts) -> Explanation:
        """Whether it holds, and which terms decided."""
        return explain(self.tree, facts, self.schema, clock=self.clock)


class Vocabulary:
    """The paths that one kind of rule may speak of. A `timeless` one refuses conditions that speak of the present."""

    def __init__(self, fields: Mapping[str, Field], *, timeless: bool = False, kept: int = 4096) -> None:
        self.fields = fields
        self._clock = None if timeless else _CLOCK
        self._plain = lru_cache(maxsize=kept)(lambda text: self._read(text, _NO_FIELDS))

    def schema(self, custom: Mapping[str, Field] = _NO_FIELDS) -> Schema:
        """The paths and the tenant's own fields."""
        return Schema(self.fields, custom=custom.get)

    def condition(self, text: str, custom: Mapping[str, Field] = _NO_FIELDS) -> Condition:
        """The condition of a rule, from AIP-160 text or JSON; empty text always holds. Refuses what does not parse
        with every fault.
        """
        return self._read(text, custom) if "custom." in text else self._plain(text)

    def _read(self, text: str, custom: Mapping[str, Field]) -> Condition:
        schema = self.schema(custom)
        tree = parse_json(_json(text), schema) if text.lstrip().startswith("{") else parse_text(text, schema)
        return Condition(tree, schema, compile_closure(tree, schema, clock=self._clock), self._clock)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as broken:
        raise refusal(Reason.SYNTAX, f"the condition begins like JSON and is none: {broken}") from broken
