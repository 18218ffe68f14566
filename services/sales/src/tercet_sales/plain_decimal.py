"""Decimals that come back from the database as people write them: `10`, not `10.0000`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, Numeric
from sqlalchemy.types import TypeDecorator


class PlainDecimal(TypeDecorator[Decimal]):
    """A numeric column whose values carry no zeros at their end."""

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 19, scale: int = 4) -> None:
        super().__init__(precision, scale)

    def process_result_value(self, value: Decimal | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else plain(value)

    @property
    def python_type(self) -> type[Any]:
        return Decimal


def plain(value: Decimal) -> Decimal:
    """The same number without zeros behind its last digit, and never in powers of ten."""
    short = value.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
