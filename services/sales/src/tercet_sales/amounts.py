"""What an amount in a request has to be."""

from __future__ import annotations

from babel.numbers import is_currency

from tercet_chassis.errors import InvalidArgument, Violation
from tercet_chassis.money import Money


class CurrencyUnknown(InvalidArgument):
    """Not a currency of ISO 4217."""

    text = "{currency} is no currency of ISO 4217; check the code."


class AmountNegative(InvalidArgument):
    """Less than nothing, where that makes no sense."""

    text = "{amount} is less than nothing; give an amount that is not negative."


def check_currency(code: str, field: str = "currency_code") -> str:
    """The code, when it is a currency. Refuses any other."""
    if not is_currency(code):
        refusal = CurrencyUnknown(currency=code)
        refusal.violations = (Violation(field, refusal.reason, refusal.message),)
        raise refusal
    return code


def check_amount(money: Money, field: str) -> Money:
    """The amount, when it is not negative and in a currency. Refuses any other."""
    check_currency(money.currency, f"{field}.currency_code")
    if money.amount < 0:
        refusal = AmountNegative(amount=money)
        refusal.violations = (Violation(f"{field}.amount", refusal.reason, refusal.message),)
        raise refusal
    return money
