"""One condition tree: JSON or AIP-160 text in; a SQL predicate, a Python closure or an explanation out.

`compile_sql` and `SqlColumn` are looked up on first use, so a program that only judges records never loads SQLAlchemy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .check import Check, Limits
from .clock import Clock
from .closure import compile_closure, mapping_getter
from .errors import ConditionError, Problem, Reason
from .explain import Explanation, Leaf, explain, paths
from .json_form import json_schema, parse_json, read_inner, to_json
from .kinds import NO_KINDS, Getter, Holds, Kind, Kinds
from .orders import OrderBy, parse_order_by
from .schema import Field, FieldType, Schema
from .text_form import parse_text
from .tree import And, Compare, Node, Not, Now, Op, Or, Search, Unit
from .unparse import to_text
from .values import fold
from .vocabulary import Condition, Facts, Vocabulary, judging_at

if TYPE_CHECKING:
    from .sql import SqlColumn, compile_sql, folded, sql_value

# fmt: off
__all__ = [
    "NO_KINDS", "And", "Check", "Clock", "Compare", "Condition", "ConditionError", "Explanation", "Facts", "Field",
    "FieldType", "Getter", "Holds", "Kind", "Kinds", "Leaf", "Limits", "Node", "Not", "Now", "Op", "Or", "OrderBy",
    "Problem", "Reason", "Schema", "Search", "SqlColumn", "Unit", "Vocabulary", "compile_closure", "compile_sql",
    "explain", "fold", "folded", "json_schema", "judging_at", "mapping_getter", "parse_json", "parse_order_by",
    "parse_text", "paths", "read_inner", "sql_value", "to_json", "to_text",
]
# fmt: on


def __getattr__(name: str) -> Any:
    if name in ("SqlColumn", "compile_sql", "folded", "sql_value"):
        from . import sql

        return getattr(sql, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
