"""Typed values: literals of a condition, and values read out of stored JSON. Both sides of the proof read alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from .clock import parse_offset
from .schema import Field, FieldType
from .tree import Now, Scalar, Unit, Value

# The same text serves Python's re (fullmatch) and PostgreSQL's ~ (wrapped in ^$): plain ASCII classes only.
NUMBER = r"-?[0-9]{1,38}(\.[0-9]{1,38})?"
DATE = r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
INSTANT = DATE + r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
UUID_FORM = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_number, _date, _instant, _uuid = (re.compile(form).fullmatch for form in (NUMBER, DATE, INSTANT, UUID_FORM))
_scientific = re.compile(NUMBER + r"([eE][+-]?[0-9]{1,2})?").fullmatch
_NUMERIC = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.MONEY)
MAX_TEXT = 1000


def fold(text: str) -> str:
    """The form in which letter case and width make no difference; SQL's twin is `sql.folded`."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def literal(field: Field, raw: object) -> Scalar:
    """A literal as its field's type. Refuses (ValueError, with the remedy) what the type cannot hold."""
    if isinstance(raw, Now) or (isinstance(raw, Mapping) and raw.keys() == {"now"}):
        if field.type not in (FieldType.INSTANT, FieldType.DATE):
            raise ValueError(f"now is a time, this field is of type {field.type}")
        return raw if isinstance(raw, Now) else parse_offset(str(raw["now"]))
    if field.type in _NUMERIC:
        return _numeric(field.type, raw)
    if field.type is FieldType.BOOLEAN:
        if isinstance(raw, bool):
            return raw
        if raw not in ("true", "false"):
            raise ValueError("write true or false")
        return raw == "true"
    if not isinstance(raw, str):
        raise ValueError(f"write a string, as the field is of type {field.type}")
    return _LITERALS[field.type](field, raw)


def _numeric(field_type: FieldType, raw: object) -> int | Decimal:
    if isinstance(raw, float):
        raw = repr(raw)
    if isinstance(raw, str) and _scientific(raw):
        raw = Decimal(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal) or not _in_range(raw):
        raise ValueError("write a number of at most 38 digits, such as 12.5")
    if field_type is not FieldType.INTEGER:
        return Decimal(raw)
    if raw != int(raw) or not -(2**63) <= raw < 2**63:
        raise ValueError("write a whole number of at most 18 digits")
    return int(raw)


def _in_range(number: int | Decimal) -> bool:
    if isinstance(number, int):
        return abs(number) < 10**38
    return number.is_finite() and abs(number) < 10**38 and int(number.as_tuple().exponent) >= -38


def _text(field: Field, raw: str) -> str:
    if len(raw) > MAX_TEXT:
        raise ValueError(f"keep a text within {MAX_TEXT} characters")
    if "\0" in raw or any("\ud800" <= letter <= "\udfff" for letter in raw):
        raise ValueError("remove the character NUL or the half of a surrogate pair: no stored text can hold it")
    return raw


def _choice(field: Field, raw: str) -> str:
    if raw not in field.values:
        raise ValueError(f"choose one of {', '.join(field.values)}")
    return raw


def _moment(field: Field, raw: str) -> datetime | date:
    if _date(raw):
        return _day(field, raw)
    try:
        if _instant(raw):
            return datetime.fromisoformat(raw).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # a shape that names no real moment is refused like any other
    raise ValueError("write an RFC 3339 time such as 2026-03-31T08:00:00Z, a day such as 2026-03-31, or now() - 30d")


def _day(field: Field, raw: str) -> date:
    try:
        if _date(raw):
            return date.fromisoformat(raw)
    except ValueError:
        pass  # 2026-02-30 has the shape of a day without being one
    raise ValueError("write a day such as 2026-03-31, or now()")


def _identifier(field: Field, raw: str) -> UUID:
    if not _uuid(raw):
        raise ValueError("write a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
    return UUID(raw)


_LITERALS: Mapping[FieldType, Callable[[Field, str], Scalar]] = {
    FieldType.TEXT: _text,
    FieldType.LIST: _text,
    FieldType.JSON: _text,
    FieldType.ENUM: _choice,
    FieldType.INSTANT: _moment,
    FieldType.DATE: _day,
    FieldType.UUID: _identifier,
}


def plain(value: Value) -> Any:
    """The value as JSON holds it: exact numbers as strings, times in UTC."""
    match value:
        case tuple():
            return [plain(item) for item in value]
        case Now():
            return {"now": offset(value)}
        case Decimal():
            return number(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | UUID():
            return str(value)
    return value


def number(value: Decimal) -> str:
    text = format(value if value else Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def offset(value: Now) -> str:
    return f"{value.amount}{value.unit if value.amount else Unit.DAY}"


def stored(field_type: FieldType) -> Callable[[Any], Any]:
    """How to read a value of this type out of a JSON document: anything of another type counts as missing (None)."""
    return _STORED.get(field_type, _stored_text)


def _stored_text(raw: Any) -> str | None:
    return raw if isinstance(raw, str) else None


def _stored_boolean(raw: Any) -> bool | None:
    return raw if isinstance(raw, bool) else None


def _stored_number(raw: Any) -> Decimal | int | None:
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float):
        return Decimal(repr(raw))
    return Decimal(raw) if isinstance(raw, str) and _number(raw) else None


def _stored_list(raw: Any) -> Any:
    # A message's repeated field is a collection without being a list.
    return raw if isinstance(raw, Collection) and not isinstance(raw, str | bytes | Mapping) else None


def _stored_form(matches: Callable[[str], Any], convert: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(raw: Any) -> Any:
        if not isinstance(raw, str) or not matches(raw):
            return None
        try:
            return convert(raw)
        except (ValueError, OverflowError):
            return None  # the shape of a time that no calendar has, or beyond the year 9999 in UTC

    return read


_STORED: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.BOOLEAN: _stored_boolean,
    FieldType.INSTANT: _stored_form(_instant, lambda raw: datetime.fromisoformat(raw).astimezone(UTC)),
    FieldType.DATE: _stored_form(_date, date.fromisoformat),
    FieldType.UUID: _stored_form(_uuid, UUID),
    FieldType.LIST: _stored_list,
    FieldType.JSON: lambda raw: raw if isinstance(raw, Mapping) else None,
    **dict.fromkeys(_NUMERIC, _stored_number),
}
