"""The tree itself. A node says what must hold of a record; it knows neither columns nor transport.

Two-valued: a comparison with a missing value is false, `!=` with a missing value is true, `Not` is plain negation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Op(StrEnum):
    """What a field can be asked. The value is how the operator is written in JSON."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    HAS = ":"
    """Text: contains, whatever the letter case or width. List: has the member. JSON object: has the key."""
    IN = "in"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    """Filled in: neither missing nor empty text, an empty list or an empty object. Absence is `Not` of it."""


class Unit(StrEnum):
    """Seconds to hours are exact; days to years are counted on the calendar of the clock's zone."""

    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "mo"
    YEAR = "y"


@dataclass(frozen=True)
class Now:
    """The moment of evaluation, moved by `amount` units: `Now(-30, Unit.DAY)` is thirty days ago."""

    amount: int = 0
    unit: Unit = Unit.DAY


Scalar = str | int | Decimal | bool | datetime | date | UUID | Now
Value = Scalar | tuple[Scalar, ...] | None


@dataclass(frozen=True)
class Node:
    """Anything that holds or does not hold of a record. A new kind of node subclasses this (see kinds.py)."""

    @property
    def children(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True)
class _Joined(Node):
    terms: tuple[Node, ...] = ()

    @property
    def children(self) -> tuple[Node, ...]:
        return self.terms


@dataclass(frozen=True)
class And(_Joined):
    """Every term holds; of no terms, always true (the empty filter)."""


@dataclass(frozen=True)
class Or(_Joined):
    """At least one term holds; of no terms, never."""


@dataclass(frozen=True)
class Not(Node):
    """The term does not hold."""

    term: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.term,)


@dataclass(frozen=True)
class Compare(Node):
    """One question to one field. `value` is typed as the field is: a tuple for IN, None for EXISTS."""

    path: str
    op: Op
    value: Value = None


@dataclass(frozen=True)
class Search(Node):
    """Free text, wherever the caller's search looks."""

    text: str


def depth(tree: Node) -> int:
    return 1 + max(map(depth, tree.children), default=0)
