"""The tree as a Python function of a record: nested closures, one a node, with nothing looked up at run time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from .clock import Clock, resolver
from .kinds import NO_KINDS, Getter, Holds, Kinds
from .schema import Field, FieldType, Schema
from .tree import And, Compare, Node, Not, Op, Or, Search
from .values import fold, stored

Read = Callable[[Any], Any]
_EMPTY: tuple[Any, ...] = ("", [], (), {})


def mapping_getter(path: str) -> Read:
    """Reads a dotted path out of nested mappings; what is not there is None."""
    first, *rest = path.split(".")
    if not rest:
        return lambda record: record.get(first)

    def read(record: Any) -> Any:
        value = record.get(first)
        for key in rest:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    return read


def compile_closure(
    tree: Node,
    schema: Schema,
    *,
    getter: Getter = mapping_getter,
    clock: Clock | None = None,
    search: Callable[[str], Holds] | None = None,
    kinds: Kinds = NO_KINDS,
) -> Holds:
    """A function that says whether the tree holds of a record. It may be kept: it asks the clock at each call.

    `getter(path)` gives the accessor of a path, once, at compile time; accessors give Python values of the field's type
    (Decimal, aware datetime, date, UUID, list) or None. `search(text)` gives the test for free text.
    Refuses (ValueError) relative times without a clock and free text without a search.
    """

    def node(tree: Node) -> Holds:
        match tree:
            case And(terms):
                return _every([node(term) for term in terms])
            case Or(terms):
                return _some([node(term) for term in terms])
            case Not(term):
                holds = node(term)
                return lambda record: not holds(record)
            case Compare():
                return _compare(tree, schema[tree.path], getter, clock)
            case Search(text):
                if search is None:
                    raise ValueError("this condition searches free text: compile it with a search")
                return search(text)
        return kinds.of(tree).closure(tree, getter, clock)

    return node(tree)


def reader(path: str, field: Field, getter: Getter) -> Read:
    """The accessor of a path, through the reading of stored JSON where the field lies in it."""
    get = getter(path)
    if not field.stored_json and field.type not in (FieldType.LIST, FieldType.JSON):
        return get
    convert = stored(field.type)
    return lambda record: convert(get(record))


def _every(terms: list[Holds]) -> Holds:
    match terms:
        case []:
            return lambda record: True
        case [only]:
            return only
        case [first, second]:
            return lambda record: first(record) and second(record)

    def every(record: Any) -> bool:
        for term in terms:  # noqa: SIM110  a generator for all() costs twice the loop
            if not term(record):
                return False
        return True

    return every


def _some(terms: list[Holds]) -> Holds:
    match terms:
        case [only]:
            return only
        case [first, second]:
            return lambda record: first(record) or second(record)

    def some(record: Any) -> bool:
        for term in terms:  # noqa: SIM110  as above
            if term(record):
                return True
        return False

    return some


# Each is called with the record's value, which is there, and the term's.
_TESTS: Mapping[Op, Callable[[Any, Any], bool]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.HAS: operator.contains,
    Op.STARTS_WITH: str.startswith,
    Op.ENDS_WITH: str.endswith,
}


def _compare(term: Compare, field: Field, getter: Getter, clock: Clock | None) -> Holds:
    read, op, value = reader(term.path, field, getter), term.op, term.value
    if op is Op.EXISTS:
        return lambda record: (found := read(record)) is not None and found not in _EMPTY
    if op is Op.IN and isinstance(value, tuple):
        return _among(read, field, value, clock)
    if moving := resolver(field.type, value, clock):
        return _moving(read, op, moving)
    if op is Op.EQ:
        return lambda record: read(record) == value
    if op is Op.NE:
        return lambda record: read(record) != value
    if op is Op.HAS and field.type is FieldType.TEXT:
        wanted = fold(str(value))
        return lambda record: (found := read(record)) is not None and wanted in fold(found)
    test = _TESTS[op]
    return lambda record: (found := read(record)) is not None and test(found, value)


def _moving(read: Read, op: Op, value: Callable[[], Any]) -> Holds:
    if op in (Op.EQ, Op.NE):
        return lambda record: (read(record) == value()) is (op is Op.EQ)
    test = _TESTS[op]
    return lambda record: (found := read(record)) is not None and test(found, value())


def _among(read: Read, field: Field, values: tuple[Any, ...], clock: Clock | None) -> Holds:
    movers = [mover for value in values if (mover := resolver(field.type, value, clock))]
    fixed = frozenset(value for value in values if resolver(field.type, value, clock) is None)
    if not movers:
        return lambda record: read(record) in fixed
    return lambda record: (found := read(record)) in fixed or any(found == mover() for mover in movers)
