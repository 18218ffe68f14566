"""An amount in one currency, exact. Different currencies do not mix: adding them raises instead of giving a wrong
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

from babel.numbers import get_currency_precision


@cache
def minor_digits(currency: str) -> int:
    """Decimals of the currency's smallest unit (ISO 4217 as CLDR gives it): 2 for CNY, 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)


class CurrencyMismatch(ArithmeticError):
    """Two amounts of different currencies met in one calculation."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount` in `currency` (ISO 4217). At most four decimals are stored."""

    amount: Decimal
    currency: str

    @classmethod
    def of(cls, amount: Decimal | int | str, currency: str) -> Money:
        """Makes an amount from a decimal, an integer or decimal text; floats are refused by type."""
        if isinstance(amount, float):
            raise TypeError("money is decimal: pass text or Decimal, not float")
        return cls(Decimal(amount), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in that currency."""
        return cls(Decimal(0), currency)

    @classmethod
    def sum(cls, amounts: Iterable[Money], currency: str) -> Money:
        """The sum, zero of `currency` when there is nothing to add; refuses another currency."""
        total = cls.zero(currency)
        for amount in amounts:
            total += amount
        return total

    def __composite_values__(self) -> tuple[Decimal, str]:
        return self.amount, self.currency

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def rounded(self) -> Money:
        """To the currency's smallest unit, half to even."""
        unit = Decimal(1).scaleb(-minor_digits(self.currency))
        return Money(self.amount.quantize(unit, rounding=ROUND_HALF_EVEN), self.currency)

    def split(self, weights: Sequence[Decimal | int]) -> list[Money]:
        """Parts in proportion to `weights` that add up to the rounded whole to the last unit (largest remainder).

        All weights zero means equal parts; refuses an empty list and negative weights.
        """
        if not weights or any(weight < 0 for weight in weights):
            raise ValueError("split needs weights that are not negative")
        unit = Decimal(1).scaleb(-minor_digits(self.currency))
        total_weight = sum((Decimal(weight) for weight in weights), Decimal(0))
        shares = [Decimal(weight) for weight in weights] if total_weight else [Decimal(1)] * len(weights)
        total_weight = total_weight or Decimal(len(weights))
        units = int((self.rounded().amount / unit).to_integral_value())
        sign, units = (-1, -units) if units < 0 else (1, units)
        exact = [units * share / total_weight for share in shares]
        floors = [int(value) for value in exact]
        left = units - sum(floors)
        by_remainder = sorted(range(len(exact)), key=lambda index: (floors[index] - exact[index], index))
        for index in by_remainder[:left]:
            floors[index] += 1
        return [Money(sign * count * unit, self.currency) for count in floors]

    def text(self) -> str:
        """The amount as plain decimal text with at least the currency's decimals, such as `1280.50`."""
        digits = minor_digits(self.currency)
        normal = self.amount.normalize()
        exponent = normal.as_tuple().exponent
        decimals = max(digits, -exponent if isinstance(exponent, int) else 0)
        return f"{self.amount:.{decimals}f}"

    def __str__(self) -> str:
        return f"{self.text()} {self.currency}"
