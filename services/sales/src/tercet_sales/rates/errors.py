"""Refusals about currency rates."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class RateMissing(FailedPrecondition):
    """No rate between two currencies on a day."""

    text = "There is no rate from {from_currency} to {to_currency} on or before {on_date}; add one."
    field = "to_currency"


class RateNotPositive(InvalidArgument):
    """A rate of zero."""

    text = "A rate is more than zero."
    field = "currency_rate.rate"


class RateCurrenciesEqual(InvalidArgument):
    """A currency against itself."""

    text = "{currency} in {currency} is always 1; choose two different currencies."
    field = "currency_rate.to_currency"


class AmountTooLarge(InvalidArgument):
    """More digits than an amount can have."""

    text = "{amount} in {to_currency} has more than 15 digits before the point."
    field = "money"
