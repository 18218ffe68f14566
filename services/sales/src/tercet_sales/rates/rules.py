"""Reckoning an amount in another currency, exact and rounded once."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from tercet_chassis.money import Money
from tercet_sales.rates.errors import AmountTooLarge

_PRECISION = 50
_TOO_LARGE = Decimal(10) ** 15
RATE_DECIMALS = 10


def convert(money: Money, to: str, rate: Decimal) -> Money:
    """`money` times `rate` in currency `to`, rounded half to even to its smallest unit; same currency: as it is.

    Refuses a result of more than 15 digits before the point.
    """
    if money.currency == to:
        return money
    with localcontext() as context:
        context.prec = _PRECISION
        result = Money(money.amount * rate, to).rounded()
    if abs(result.amount) >= _TOO_LARGE:
        raise AmountTooLarge(amount=money, to_currency=to)
    return result


def backwards(rate: Decimal) -> Decimal:
    """What one unit of the second currency costs in the first, to twenty significant digits."""
    with localcontext() as context:
        context.prec, context.rounding = 20, ROUND_HALF_EVEN
        return Decimal(1) / rate


def rate_text(rate: Decimal) -> str:
    """A rate as plain decimal text without zeros at its end."""
    text = f"{rate:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
