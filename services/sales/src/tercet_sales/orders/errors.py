"""Refusals of orders."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class OrderInvalid(InvalidArgument):
    """The order cannot stand as it is; the violations name everything that is wrong at once."""

    text = "The order has {count} fault(s); see the violations, correct them all and send it again."


class OrderNotDraft(FailedPrecondition):
    """Only a draft is changed, deleted or confirmed."""

    text = "Order {number} is {state}, not a draft; cancel it, or take lines back, instead."
    field = "id"


class OrderNotConfirmed(FailedPrecondition):
    """Only a confirmed order is delivered."""

    text = "Order {number} is {state}; only a confirmed order can be fulfilled."
    field = "id"


class OrderCannotBeCancelled(FailedPrecondition):
    """It was delivered, or cancelled before."""

    text = "Order {number} is {state} and cannot be cancelled; take its lines back instead if it was delivered."
    field = "id"


class OrderHasPayments(FailedPrecondition):
    """Money is held for it."""

    text = "{paid} is paid for order {number}; refund it before you cancel the order."
    field = "id"


class OrderHasReturns(FailedPrecondition):
    """Lines came back: the rest was kept."""

    text = "Lines of order {number} came back already; take the others back too instead of cancelling it."
    field = "id"


class OrderNotReturnable(FailedPrecondition):
    """Nothing was bought yet, or the order was cancelled."""

    text = "Order {number} is {state}; lines come back only of a confirmed or fulfilled order."
    field = "id"


class OrderNotPayable(FailedPrecondition):
    """Money is taken only for an order that counts."""

    text = "Order {number} is {state}; payments are taken for confirmed and fulfilled orders only."
    field = "order_id"


class PaymentCurrencyMismatch(InvalidArgument):
    """Paid in another currency than ordered."""

    text = "Order {number} is in {order_currency}, the amount in {currency}; currencies are never mixed."
    field = "amount"


class PaymentExceedsOrder(FailedPrecondition):
    """More would be paid than is owed."""

    text = "Order {number} has {open} left to pay; {amount} is too much."
    field = "amount"


class QuoteNotAccepted(FailedPrecondition):
    """Only an accepted quote is ordered."""

    text = "Quote {quote_id} is {state}; the customer has to accept it before it is ordered."
    field = "quote_id"


class QuoteAlreadyOrdered(FailedPrecondition):
    """An order of the quote stands."""

    text = "Quote {quote_id} was ordered as {number}; cancel that order first if it is to be made anew."
    field = "quote_id"


class OrderRateMissing(FailedPrecondition):
    """Nothing says what the currency is worth in the unit's reporting currency."""

    text = "There is no rate from {currency} to {reporting_currency} on {date}; add one before you confirm the order."
    field = "currency_code"


class BenefitsNotGiven(FailedPrecondition):
    """Codes or grants that the order names cannot be used on it."""

    text = (
        "{count} of the codes and grants that the order names cannot be used: {detail} Take them off, or choose others."
    )
    field = "id"


class BenefitsDiffer(FailedPrecondition):
    """The buyer was shown something else."""

    text = "The order gets other benefits now than the buyer was shown: {detail}"
    field = "expected_benefit_reduction"


class BenefitsLapsed(FailedPrecondition):
    """What was kept for the order may be gone before the sale is known at the till."""

    text = "The benefits of order {number} were kept until {until}, which is too near; confirm it again."
    field = "id"
