"""The JSON form: `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}`, `{"search": "text"}` and comparisons.

A comparison is `{"path": "score", "op": ">=", "value": 60}`; without `op` it means `=`, and `exists` and `missing` take
no value. A moment relative to the evaluation is `{"now": "-30d"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .check import LIMITS, Check, Limits
from .errors import Reason
from .kinds import NO_KINDS, Kinds
from .schema import Schema
from .tree import And, Compare, Node, Not, Op, Or, Search
from .values import plain

_SHAPES = 'write {"all": [...]}, {"any": [...]}, {"not": {...}}, {"path": ..., "op": ..., "value": ...}'
_MISSING = "missing"
_PRESENCE = (str(Op.EXISTS), _MISSING)
_NAMES = (*map(str, Op), _MISSING)


def parse_json(value: object, schema: Schema, *, kinds: Kinds = NO_KINDS, limits: Limits = LIMITS) -> Node:
    """Reads a decoded JSON condition. Refuses (ConditionError, all faults found) at JSON pointers."""
    check = Check(schema, limits, kinds.keyed)
    tree = read_inner(value, check)
    check.done()
    if tree is None:
        raise TypeError("a kind of node gave no tree and noted no fault")
    return tree


def read_inner(value: object, check: Check, pointer: str = "") -> Node | None:
    """One node; None after noting its faults. Kinds of nodes read the conditions inside them with it."""
    with check.level(pointer):
        return _read(value, check, pointer)


def _read(value: object, check: Check, pointer: str) -> Node | None:
    if not isinstance(value, Mapping):
        check.refuse(Reason.BAD_SHAPE, f"a condition is an object: {_SHAPES}", pointer)
        return None
    if "path" in value:
        return _read_compare(value, check, pointer)
    key = next(iter(value)) if len(value) == 1 else None
    inner = value[key] if key is not None else None
    match key:
        case "all" | "any":
            return _read_terms(str(key), inner, check, f"{pointer}/{key}")
        case "not":
            term = read_inner(inner, check, f"{pointer}/not")
            return term and Not(term)
        case "search" if isinstance(inner, str):
            return check.search(inner, f"{pointer}/search")
    kind = check.parser(key) if isinstance(key, str) else None
    if kind is None:
        keys = ", ".join(sorted(map(str, value)))[:100] or "none"
        check.refuse(Reason.UNKNOWN_NODE, f"no condition has the keys {keys}: {_SHAPES}", pointer)
        return None
    check.count(pointer)
    return kind.parse(inner, check, f"{pointer}/{_escaped(str(key))}")


def _read_terms(key: str, items: object, check: Check, pointer: str) -> Node | None:
    if not isinstance(items, list | tuple) or (not items and (key, check.depth) != ("all", 1)):
        check.refuse(Reason.BAD_SHAPE, f"{key} takes a list of conditions: add one or leave {key} out", pointer)
        return None
    terms = [read_inner(item, check, f"{pointer}/{index}") for index, item in enumerate(items)]
    known = tuple(term for term in terms if term is not None)
    if len(known) < len(terms):
        return None
    return And(known) if key == "all" else Or(known)


def _read_compare(value: Mapping[Any, Any], check: Check, pointer: str) -> Node | None:
    path, name = value["path"], value.get("op", "=")
    if not isinstance(path, str):
        check.refuse(Reason.BAD_SHAPE, "path is a string such as score", f"{pointer}/path")
        return None
    if extra := value.keys() - {"path", "op", "value"}:
        check.refuse(Reason.BAD_SHAPE, f"a comparison has no {sorted(map(str, extra))[0]!r}: remove it", pointer)
        return None
    if name not in _NAMES:
        message = f"there is no such operator: use one of {' '.join(_NAMES)}"
        check.refuse(Reason.WRONG_OPERATOR, message, f"{pointer}/op")
        return None
    if (name in _PRESENCE) == ("value" in value):
        message = f"{name} takes no value: remove it" if name in _PRESENCE else f"{name} needs a value: add value"
        check.refuse(Reason.BAD_SHAPE, message, pointer)
        return None
    if name == _MISSING:
        exists = check.compare(path, Op.EXISTS, None, f"{pointer}/path", [])
        return exists and Not(exists)
    op, raw, value_at = Op(name), value.get("value"), f"{pointer}/value"
    if op is Op.IN:
        if not isinstance(raw, list | tuple):
            check.refuse(Reason.WRONG_VALUE, "in takes a list of values", value_at)
            return None
        return check.compare(path, op, raw, f"{pointer}/path", [f"{value_at}/{index}" for index in range(len(raw))])
    return check.compare(path, op, raw, f"{pointer}/path", [value_at])


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def to_json(tree: Node, *, kinds: Kinds = NO_KINDS) -> dict[str, Any]:
    """The tree as JSON values; `parse_json` gives the same tree back."""
    match tree:
        case And(terms):
            return {"all": [to_json(term, kinds=kinds) for term in terms]}
        case Or(terms):
            return {"any": [to_json(term, kinds=kinds) for term in terms]}
        case Not(Compare(path, Op.EXISTS)):
            return {"path": path, "op": _MISSING}
        case Not(term):
            return {"not": to_json(term, kinds=kinds)}
        case Search(text):
            return {"search": text}
        case Compare(path, op, value):
            shown: dict[str, Any] = {"path": path, "op": str(op)}
            return shown if op is Op.EXISTS else shown | {"value": plain(value)}
    kind = kinds.of(tree)
    return {kind.key: kind.to_json(tree)}


def json_schema(schema: Schema | None = None, *, kinds: Kinds = NO_KINDS) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the language, for docs and editors; with `schema`, of its paths only."""
    path: dict[str, Any] = {"type": "string", "minLength": 1}
    if schema is not None:
        known = sorted(name for name, field in schema.fields.items() if field.filterable)
        path = {"anyOf": [{"enum": known}, *([{"type": "string", "pattern": r"^custom\..+"}] if schema.custom else [])]}
    relative = {
        "type": "object",
        "description": "The moment of evaluation, moved by a whole number of s, m, h, d, w, mo or y.",
        "properties": {"now": {"type": "string", "pattern": "^[+-]?[0-9]{1,10}(s|m|h|d|w|mo|y)$"}},
        "required": ["now"],
        "additionalProperties": False,
    }
    scalar = {"anyOf": [{"type": ["string", "number", "boolean"]}, relative]}

    def shape(description: str, required: list[str], **properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "description": description,
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    condition = {"$ref": "#/$defs/condition"}
    some = {"type": "array", "items": condition, "minItems": 1}
    plain_ops = [str(op) for op in Op if op not in (Op.IN, Op.EXISTS)]
    shapes = [
        shape("Every term holds; of none, always true.", ["all"], all=some | {"minItems": 0}),
        shape("At least one term holds.", ["any"], any=some),
        shape("The term does not hold.", ["not"], **{"not": condition}),
        shape("A field compared with a value.", ["path", "value"], path=path, op={"enum": plain_ops}, value=scalar),
        shape(
            "A field is one of the values.",
            ["path", "op", "value"],
            path=path,
            op={"const": "in"},
            value={"type": "array", "items": scalar, "minItems": 1},
        ),
        shape("A field is filled in, or is not.", ["path", "op"], path=path, op={"enum": list(_PRESENCE)}),
        *(shape(f"{kind.key}.", [kind.key], **{kind.key: dict(kind.json_schema())}) for kind in kinds),
    ]
    if schema is None or schema.search:
        shapes.append(shape("Free text.", ["search"], search={"type": "string", "minLength": 1}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"condition": {"oneOf": shapes}},
        **condition,
    }
