"""The one place that judges terms by the schema and the limits; both inputs go through it and report all faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .errors import ConditionError, Problem, Reason
from .schema import OPERATORS, Field, FieldType, Schema
from .tree import Compare, Node, Now, Op, Search, Value
from .values import literal

Position = int | str | None
_MAX_PROBLEMS = 20
_FREE_TEXT = Field(FieldType.TEXT)


@dataclass(frozen=True)
class Limits:
    """What one condition may weigh. `values` counts the members of all `in` lists together."""

    depth: int = 16
    terms: int = 100
    values: int = 1000
    text_bytes: int = 4096


LIMITS = Limits()


class Parser(Protocol):
    """How one kind of node is read."""

    def parse(self, value: Any, check: Check, pointer: str) -> Node | None:
        """The node; None after telling `check.refuse` why not. Conditions inside it are read by
        `read_inner(value, check.within(their schema), pointer)`."""


def no_parser(key: str) -> Parser | None:
    """Where the language's own nodes are all there are."""
    return None


class Check:
    """Collects the terms and faults of one condition while it is read. `parser` finds the further kinds of nodes."""

    def __init__(self, schema: Schema, limits: Limits, parser: Callable[[str], Parser | None] = no_parser) -> None:
        self.schema = schema
        self.limits = limits
        self.parser = parser
        self._problems: list[Problem] = []
        self._tally: Counter[str] = Counter()

    def within(self, schema: Schema) -> Check:
        """The same reading, judged by another schema: for a kind of node that holds conditions on other records."""
        inner = copy(self)
        inner.schema = schema
        return inner

    def refuse(self, reason: Reason, message: str, position: Position) -> None:
        """Notes a fault and lets the reading go on, so that the user sees all of them at once."""
        self._problems.append(Problem(reason, message, position))
        if len(self._problems) >= _MAX_PROBLEMS:
            raise ConditionError(*self._problems)

    def stop(self, reason: Reason, message: str, position: Position) -> ConditionError:
        """The refusal of something that cannot be read on from, with what was found before it."""
        return ConditionError(*self._problems, Problem(reason, message, position))

    def done(self) -> None:
        """Ends the reading. Refuses with every fault noted."""
        if self._problems:
            raise ConditionError(*self._problems)

    @property
    def depth(self) -> int:
        return self._tally["depth"]

    @contextmanager
    def level(self, position: Position) -> Iterator[None]:
        """One level deeper for as long as it is open."""
        self._tally["depth"] += 1
        self.fits(self.depth, position)
        yield
        self._tally["depth"] -= 1

    def fits(self, depth: int, position: Position) -> None:
        if depth > self.limits.depth:
            message = f"a condition may nest {self.limits.depth} levels deep: flatten it or split it in two"
            raise self.stop(Reason.TOO_DEEP, message, position)

    def count(self, position: Position) -> None:
        self._tally["terms"] += 1
        if self._tally["terms"] > self.limits.terms:
            message = f"a condition may have {self.limits.terms} terms: ask for several values of one field with in"
            raise self.stop(Reason.TOO_MANY_TERMS, message, position)

    def field(self, path: str, position: Position) -> Field | None:
        """The field a path names; notes the fault and returns None where there is none to be asked."""
        field = self.schema.field(path)
        if field is None:
            like = self.schema.like(path)
            hint = f"did you mean {like}?" if like else "see the resource's fields"
            self.refuse(Reason.UNKNOWN_PATH, f"there is no field {path[:64]!r}: {hint}", position)
        elif not field.filterable:
            message = f"the field {path} is masked for you or cannot be asked for: leave it out or ask for the right"
            self.refuse(Reason.NOT_FILTERABLE, message, position)
            return None
        return field

    def compare(self, path: str, op: Op, raw: Any, at: Position, value_at: Sequence[Position]) -> Node | None:
        """One term. `raw` is a list for IN; `value_at` holds the position of each value."""
        self.count(at)
        field = self.field(path, at)
        if field is None:
            return None
        allowed = OPERATORS[field.type]
        if op not in allowed:
            names = " ".join(known for known in Op if known in allowed)
            message = f"{path} is of type {field.type}, which takes no {op}: use one of {names}"
            self.refuse(Reason.WRONG_OPERATOR, message, at)
            return None
        if op is Op.EXISTS:
            return Compare(path, op)
        if op is not Op.IN:
            value = self._value(path, field, op, raw, value_at[0])
            return None if value is None else Compare(path, op, value)
        self._tally["values"] += len(raw)
        if self._tally["values"] > self.limits.values:
            message = f"a condition may list {self.limits.values} values: use a segment or a tag instead"
            raise self.stop(Reason.TOO_MANY_TERMS, message, at)
        values = [self._value(path, field, op, item, where) for item, where in zip(raw, value_at, strict=True)]
        if not values:
            self.refuse(Reason.WRONG_VALUE, f"{path} in an empty list can never hold: list a value", at)
        known = tuple(value for value in values if value is not None and not isinstance(value, tuple))
        return Compare(path, op, known) if known and len(known) == len(values) else None

    def search(self, text: str, position: Position) -> Node | None:
        self.count(position)
        if not self.schema.search:
            hint = (
                f"write {text} in capitals" if text.upper() in ("AND", "OR", "NOT") else "compare a field, as in a = 1"
            )
            self.refuse(Reason.SEARCH_NOT_ALLOWED, f"free text {text[:64]!r} is not searched here: {hint}", position)
            return None
        try:
            found = literal(_FREE_TEXT, text)
        except ValueError as wrong:
            self.refuse(Reason.WRONG_VALUE, f"free text: {wrong}", position)
            return None
        return Search(str(found))

    def _value(self, path: str, field: Field, op: Op, raw: Any, position: Position) -> Value:
        try:
            value = literal(field, raw)
        except ValueError as wrong:
            self.refuse(Reason.WRONG_VALUE, f"{path}: {wrong}", position)
            return None
        if value == "" and op not in (Op.EQ, Op.NE, Op.IN, Op.LT, Op.LE, Op.GT, Op.GE):
            self.refuse(Reason.WRONG_VALUE, f"{path} {op} needs a text: to ask for presence use exists", position)
            return None
        by_day = field.type is FieldType.INSTANT and not isinstance(value, datetime | Now)
        if by_day and op in (Op.EQ, Op.NE, Op.IN):
            message = f"{path} is a moment and {raw} a whole day: write >= the day and < the next"
            self.refuse(Reason.WRONG_VALUE, message, position)
            return None
        return value
