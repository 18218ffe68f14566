"""Products, price books and the prices in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Mapped, Searchable, column, index, money, unique
from tercet_chassis.money import Money
from tercet_sales.catalogue.errors import DatesReversed, PriceCurrencyDiffers, PriceNegative
from tercet_sales.catalogue.rules import BookFacts, PriceFacts
from tercet_sales.plain_decimal import PlainDecimal


class Product(Custom, External, Searchable, Entity):
    """Something that is sold."""

    __tablename__ = "products"
    __table_args__ = (
        unique("products_by_code", "code", field="product.code"),
        index("products_by_category", "category_code", "code"),
        unique("products_by_external", "external_system", "external_id", field="product.external_ref"),
    )

    code: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    unit_of_measure: Mapped[str]
    category_code: Mapped[str | None]
    active: Mapped[bool] = column(default=True)
    tax_percent: Mapped[Decimal | None] = column(PlainDecimal(5, 2))


class PriceBook(Custom, External, Searchable, Entity):
    """Prices in one currency for those it serves."""

    __tablename__ = "price_books"
    __table_args__ = (
        unique("price_books_by_code", "code", field="price_book.code"),
        unique("price_books_by_external", "external_system", "external_id", field="price_book.external_ref"),
    )

    code: Mapped[str]
    name: Mapped[str]
    currency_code: Mapped[str]
    served_unit_id: Mapped[UUID | None]
    served_identity_id: Mapped[UUID | None]
    served_party_id: Mapped[UUID | None]
    served_grade_code: Mapped[str | None]
    priority: Mapped[int] = column(default=0)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    active: Mapped[bool] = column(default=True)

    def check(self) -> None:
        """Names the trace of the party it serves. Refuses a book that ends before it begins."""
        self.served_identity_id = (self.served_identity_id or self.served_party_id) if self.served_party_id else None
        _check_dates(self.start_date, self.end_date, "price_book.end_date")

    def facts(self) -> BookFacts:
        """What resolution needs to know of it."""
        return BookFacts(
            self.code,
            self.currency_code,
            self.active,
            self.served_unit_id,
            self.served_party_id,
            self.served_grade_code,
            self.priority,
            self.start_date,
            self.end_date,
        )


class Price(External, Entity):
    """What one unit of a product costs in a book, from a quantity on."""

    __tablename__ = "prices"
    __table_args__ = (
        index("prices_by_product", "product_code", "price_book_code", "min_quantity"),
        index("prices_by_book", "price_book_code", "product_code"),
        unique("prices_by_external", "external_system", "external_id", field="price.external_ref"),
    )

    price_book_code: Mapped[str]
    product_code: Mapped[str]
    min_quantity: Mapped[Decimal] = column(PlainDecimal(), default=Decimal(0))
    unit_price: Mapped[Money] = money("unit_price")
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]

    def check(self, book: PriceBook) -> None:
        """Refuses another currency than the book's, a negative price and one that ends before it begins."""
        self.min_quantity = self.min_quantity if self.min_quantity is not None else Decimal(0)
        if self.unit_price.currency != book.currency_code:
            raise PriceCurrencyDiffers(
                price_book_code=book.code, book_currency=book.currency_code, currency=self.unit_price.currency
            )
        if self.unit_price.amount < 0:
            raise PriceNegative
        _check_dates(self.start_date, self.end_date, "price.end_date")

    def facts(self, book: BookFacts) -> PriceFacts:
        """What resolution needs to know of it."""
        return PriceFacts(
            self.id, self.product_code, book, self.unit_price, self.min_quantity, self.start_date, self.end_date
        )


def _check_dates(start: date | None, end: date | None, field: str) -> None:
    if start is not None and end is not None and end < start:
        raise DatesReversed.at(field, start, end)
