"""Refusals of payments and transactions."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class AmountNotPositive(InvalidArgument):
    """Money that comes in or goes back is more than zero."""

    text = "The amount {amount} is not more than zero, or finer than the currency's smallest unit; correct it."
    field = "amount"


class RefundExceedsPayment(FailedPrecondition):
    """More would go back than came in."""

    text = "{left} of this payment can still be refunded; {amount} is too much."
    field = "amount"


class RefundCurrencyMismatch(InvalidArgument):
    """Refunds are in the payment's currency."""

    text = "The payment is in {payment_currency}, the refund in {currency}; currencies are never mixed."
    field = "amount"
