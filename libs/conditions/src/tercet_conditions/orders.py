"""`order_by`: `score desc, create_time`."""

from __future__ import annotations

from dataclasses import dataclass

from .check import LIMITS, Check
from .errors import Reason
from .schema import FieldType, Schema

_MAX_ORDERS = 8
_MAX_BYTES = 1024


@dataclass(frozen=True)
class OrderBy:
    path: str
    descending: bool = False


def parse_order_by(text: str, schema: Schema) -> tuple[OrderBy, ...]:
    """Reads an order; the empty one is (). Refuses (ConditionError, all faults found) at character offsets."""
    check = Check(schema, LIMITS)
    if len(text.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise check.stop(Reason.TOO_LONG, f"an order may be {_MAX_BYTES} bytes long: name fewer fields", 0)
    orders: list[OrderBy] = []
    at = 0
    for part in text.split(",") if text.strip() else ():
        here = at + len(part) - len(part.lstrip())
        at += len(part) + 1
        words = part.split()
        if len(words) not in (1, 2) or words[1:] not in ([], ["asc"], ["desc"]):
            check.refuse(Reason.SYNTAX, "write a field, then desc for falling order: score desc, create_time", here)
            continue
        order = OrderBy(words[0], words[1:] == ["desc"])
        field = check.field(order.path, here)
        if field and (not field.sortable or field.type in (FieldType.LIST, FieldType.JSON)):
            check.refuse(Reason.NOT_SORTABLE, f"{order.path} cannot be sorted by: choose another field", here)
        if any(order.path == before.path for before in orders):
            check.refuse(Reason.SYNTAX, f"{order.path} is named twice: remove one", here)
        orders.append(order)
    if len(orders) > _MAX_ORDERS:
        check.refuse(Reason.TOO_MANY_TERMS, f"an order may name {_MAX_ORDERS} fields: name fewer", 0)
    check.done()
    return tuple(orders)
