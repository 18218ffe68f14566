"""Refusals about products, price books and prices."""

from __future__ import annotations

from datetime import date

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, Violation


class ProductUnknown(InvalidArgument):
    """No product has the code."""

    text = "There is no product {product_code}; choose another."
    field = "product_code"


class ProductInUse(FailedPrecondition):
    """A price names the product."""

    text = "Product {product_code} has prices; make it inactive instead of deleting it."
    field = "id"


class PriceBookUnknown(InvalidArgument):
    """No price book has the code."""

    text = "There is no price book {price_book_code}; choose another."
    field = "price.price_book_code"


class PriceBookInUse(FailedPrecondition):
    """The book has prices."""

    text = "Price book {price_book_code} has prices; delete them first or make the book inactive."
    field = "id"


class PriceCurrencyDiffers(InvalidArgument):
    """The price is not in the book's currency."""

    text = "Price book {price_book_code} is in {book_currency}, the price in {currency}; use the book's currency."
    field = "price.unit_price.currency_code"


class PriceNegative(InvalidArgument):
    """Less than nothing."""

    text = "A price is not negative; give a discount on the line instead."
    field = "price.unit_price.amount"


class PriceOverlaps(FailedPrecondition):
    """Another price says something else for some of the same days."""

    text = "Price {price_id} of {product_code} from {min_quantity} on holds {start_date} to {end_date}; end it first."
    field = "price.start_date"


class DatesReversed(InvalidArgument):
    """It would end before it begins."""

    text = "It would end on {end_date}, before it starts on {start_date}; correct one of the two."

    @classmethod
    def at(cls, field: str, start: date, end: date) -> DatesReversed:
        """The refusal, naming the field."""
        refusal = cls(start_date=start, end_date=end)
        refusal.violations = (Violation(field, refusal.reason, refusal.message),)
        return refusal


class QuantityNotPositive(InvalidArgument):
    """Nothing is asked for."""

    text = "A quantity is more than zero."
    field = "asks.quantity"
