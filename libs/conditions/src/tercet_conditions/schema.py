"""Which paths a condition may speak of, of what type, and which operators each type takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from .tree import Op


class FieldType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    """An amount; its currency is a path of its own (or the path names a reporting amount)."""
    BOOLEAN = "boolean"
    INSTANT = "instant"
    DATE = "date"
    UUID = "uuid"
    ENUM = "enum"
    """Text out of a closed list: an enum's names or a catalogue's codes."""
    LIST = "list"
    """A list of texts."""
    JSON = "json"
    """An object; asked for its keys only."""


_PRESENCE = frozenset({Op.EXISTS})
_EQUAL = _PRESENCE | {Op.EQ, Op.NE}
_CHOICE = _EQUAL | {Op.IN}
_ORDERED = _CHOICE | {Op.LT, Op.LE, Op.GT, Op.GE}
OPERATORS: Mapping[FieldType, frozenset[Op]] = {
    FieldType.TEXT: _ORDERED | {Op.HAS, Op.STARTS_WITH, Op.ENDS_WITH},
    FieldType.INTEGER: _ORDERED,
    FieldType.DECIMAL: _ORDERED,
    FieldType.MONEY: _ORDERED,
    FieldType.BOOLEAN: _EQUAL,
    FieldType.INSTANT: _ORDERED,
    FieldType.DATE: _ORDERED,
    FieldType.UUID: _CHOICE,
    FieldType.ENUM: _CHOICE,
    FieldType.LIST: _PRESENCE | {Op.HAS},
    FieldType.JSON: _PRESENCE | {Op.HAS},
}


@dataclass(frozen=True)
class Field:
    """One path. `stored_json`: the value lies in a JSON document; one of another type counts as missing."""

    type: FieldType
    values: tuple[str, ...] = ()
    label: str = ""
    filterable: bool = True
    sortable: bool = True
    stored_json: bool = False


CUSTOM = "custom."


@dataclass(frozen=True)
class Schema:
    """The paths of one kind of record. `custom(key)` answers for `custom.<key>`, None for an unknown key."""

    fields: Mapping[str, Field]
    custom: Callable[[str], Field | None] | None = None
    search: bool = False

    def field(self, path: str) -> Field | None:
        if path.startswith(CUSTOM) and self.custom is not None and path not in self.fields:
            found = self.custom(path.removeprefix(CUSTOM))
            return found and replace(found, stored_json=True)
        return self.fields.get(path)

    def like(self, path: str) -> str | None:
        """The filterable path that looks most like this one, for the message of a refusal."""
        names = [name for name, known in self.fields.items() if known.filterable]
        return next(iter(get_close_matches(path[:64], names, 1)), None)

    def __getitem__(self, path: str) -> Field:
        found = self.field(path)
        if found is None:
            raise KeyError(path)
        return found
