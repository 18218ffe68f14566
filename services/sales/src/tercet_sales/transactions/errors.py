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


class ReceiptCustomerUnknown(InvalidArgument):
    """The receipt names nobody we know."""

    text = "There is no customer {customer_id}; correct the receipt, or name the buyer's identity."
    field = "customer_id"


class ReceiptBuyerMissing(InvalidArgument):
    """The receipt names nobody."""

    text = "Name the customer who bought, or the buyer's identity."
    field = "customer_id"


class ReceiptUnitMissing(InvalidArgument):
    """No unit says who sold."""

    text = "Name the unit that sold: neither the customer nor you belong to one."
    field = "seller_unit_id"


class ReceiptSaleUnknown(InvalidArgument):
    """Goods come back of a receipt that was not taken."""

    text = "The sale {system} {id} that the goods come back from is not known; import it first."
    field = "returns_ref"


class ReceiptReturnsTooMuch(InvalidArgument):
    """More comes back than was bought."""

    text = "{left} is left of the sale; {amount} cannot come back."
    field = "amount"


class ReceiptLinesMixed(InvalidArgument):
    """A receipt has one currency."""

    text = "The receipt is in {currency}, but not all its lines are; currencies are never mixed."
    field = "lines"


class ReceiptRateMissing(InvalidArgument):
    """Nothing says what the currency is worth in the unit's reporting currency."""

    text = "There is no rate from {currency} to {reporting_currency} on {date}; add one and import the receipt again."
    field = "amount"
