"""`order_by`: `score desc, create_time`."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConditionError, Problem, Reason
from .schema import FieldType, Schema

_MAX_ORDERS = 8
_MAX_BYTES = 1024


@dataclass(frozen=True)
class OrderBy:
    path: str
    descending: bool = False


def parse_order_by(text: str, schema: Schema) -> tuple[OrderBy, ...]:
    """Reads an order; the empty one is (). Refuses (ConditionError, all faults found) at character offsets."""
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise ConditionError(Problem(Reason.TOO_LONG, f"an order may be {_MAX_BYTES} bytes long: name fewer fields", 0))
    if not text.strip():
        return ()
    problems: list[Problem] = []
    orders: list[OrderBy] = []
    at = 0
    for part in text.split(","):
        here = at + len(part) - len(part.lstrip())
        at += len(part) + 1
        match part.split():
            case [path]:
                order = OrderBy(path)
            case [path, "asc" | "desc" as direction]:
                order = OrderBy(path, direction == "desc")
            case _:
                message = "write a field, then desc for falling order: score desc, create_time"
                problems.append(Problem(Reason.SYNTAX, message, here))
                continue
        if any(order.path == before.path for before in orders):
            problems.append(Problem(Reason.SYNTAX, f"{order.path} is named twice: remove one", here))
        elif problem := _fault(order.path, schema, here):
            problems.append(problem)
        orders.append(order)
    if len(orders) > _MAX_ORDERS:
        problems.append(Problem(Reason.TOO_MANY_TERMS, f"an order may name {_MAX_ORDERS} fields", 0))
    if problems:
        raise ConditionError(*problems)
    return tuple(orders)


def _fault(path: str, schema: Schema, at: int) -> Problem | None:
    field = schema.field(path)
    if field is None:
        like = schema.like(path)
        hint = f"did you mean {like}?" if like else "see the resource's fields"
        return Problem(Reason.UNKNOWN_PATH, f"there is no field {path[:64]!r}: {hint}", at)
    if not field.filterable or not field.sortable or field.type in (FieldType.LIST, FieldType.JSON):
        return Problem(Reason.NOT_SORTABLE, f"{path} cannot be sorted by, or not by you: choose another field", at)
    return None
