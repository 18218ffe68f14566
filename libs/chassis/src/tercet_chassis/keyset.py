"""Keyset pages: a total order, the rows behind the last one shown, and a page token that only its own query takes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from google.protobuf.message import Message
from sqlalchemy import ColumnElement, Numeric, and_, case, cast, literal, or_, tuple_

from tercet_chassis.errors import PageTokenInvalid
from tercet_chassis.instants import moment_of
from tercet_conditions import FieldType, OrderBy, Schema
from tercet_conditions.sql import Resolve

_PARSE = {UUID: UUID, datetime: datetime.fromisoformat, date: date.fromisoformat, Decimal: Decimal}
# What leads to another page of the same list.
_PAGING = ("page_token", "page_size", "count")


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key. `column` is empty for a custom field, whose value is selected beside the row."""

    expression: Any
    descending: bool
    column: str
    nullable: bool

    def ordered(self) -> Any:
        """The sort order; missing values come last in both directions."""
        expression = self.expression.desc() if self.descending else self.expression.asc()
        return expression.nulls_last() if self.nullable and self.descending else expression

    def literal(self, value: Any) -> Any:
        """A value of the page token as a parameter of the column's type."""
        kind = self.expression.type.python_type
        if kind is datetime:
            value = moment_of(value)
        parse: Any = _PARSE.get(kind) if isinstance(value, str) else None
        return literal(parse(value) if parse else value, self.expression.type)


def keys_of(order: Sequence[OrderBy], resolve: Resolve, schema: Schema) -> list[Key]:
    """The sort keys; the id makes the order total."""
    keys: list[Key] = []
    for item in order:
        spot = resolve(item.path)
        expression: Any = spot.expression
        if spot.key is not None:
            numeric = schema[item.path].type in (FieldType.INTEGER, FieldType.DECIMAL)
            text = expression[spot.key].astext
            keys.append(Key(_number(text) if numeric else text, item.descending, "", True))
        else:
            keys.append(Key(expression, item.descending, expression.key, bool(expression.nullable)))
    descending = keys[-1].descending if keys else True
    return [*keys, Key(resolve("id").expression, descending, "id", False)]


def _number(text: Any) -> Any:
    return case((text.op("~")(r"^-?\d+(\.\d+)?$"), cast(text, Numeric)))


def after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind the last one of the page before: in every key order, missing values last."""
    if not any(key.nullable for key in keys) and len({key.descending for key in keys}) == 1:
        # One comparison of rows, which an index on these columns can start from.
        here = tuple_(*(key.expression for key in keys))
        last = tuple_(*(key.literal(value) for key, value in zip(keys, values, strict=True)))
        return here < last if keys[0].descending else here > last
    options: list[Any] = []
    same: list[Any] = []
    for key, value in zip(keys, values, strict=True):
        if value is None:
            same.append(key.expression.is_(None))
            continue
        typed = key.literal(value)
        later = key.expression < typed if key.descending else key.expression > typed
        options.append(and_(*same, or_(later, key.expression.is_(None)) if key.nullable else later))
        same.append(key.expression == typed)
    return or_(*options)


def digest(whose: str, request: Message) -> str:
    """What tells one list from another: whose it is and what was asked for, on whatever page."""
    plain = type(request)()
    plain.CopyFrom(request)
    for name in _PAGING:
        if name in request.DESCRIPTOR.fields_by_name:
            plain.ClearField(name)
    seed = f"{whose}|".encode() + plain.SerializeToString(deterministic=True)
    return hashlib.sha256(seed).hexdigest()[:20]


def token(secret: bytes, digest: str, values: Sequence[Any]) -> str:
    """The page token that leads on from a row with these values of the keys."""
    body = orjson.dumps([digest, list(values)], default=str)
    return base64.urlsafe_b64encode(_mark(secret, body) + body).decode().rstrip("=")


def read_token(secret: bytes, token: str, digest: str, count: int) -> list[Any]:
    """The values in a page token; refuses one that is not ours or belongs to another list."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        mark, body = raw[:12], raw[12:]
        if not hmac.compare_digest(mark, _mark(secret, body)):
            raise PageTokenInvalid
        known, values = orjson.loads(body)
    except (ValueError, TypeError) as wrong:
        raise PageTokenInvalid from wrong
    if known != digest or len(values) != count:
        raise PageTokenInvalid
    return list(values)


def _mark(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"page|" + body, "sha256")[:12]
