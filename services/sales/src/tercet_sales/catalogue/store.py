"""Queries of products, price books and prices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, update

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money
from tercet_sales.catalogue.model import Price, PriceBook, Product
from tercet_sales.catalogue.rules import Buyer, PriceAsk, PriceFacts, Resolution, days_meet, resolve_all
from tercet_sales.customers.model import Customer


async def products_by_code(tx: Tx, codes: Iterable[str]) -> dict[str, Product]:
    """The products that have these codes, by code; codes without a product are left out."""
    query = select(Product).where(Product.code.in_(sorted(set(codes))))
    return {product.code: product for product in (await tx.session.scalars(query)).all()}


async def book_by_code(tx: Tx, code: str) -> PriceBook | None:
    """The price book of that code."""
    return (await tx.session.scalars(select(PriceBook).where(PriceBook.code == code))).one_or_none()


async def has_prices(tx: Tx, *, product_code: str = "", price_book_code: str = "") -> bool:
    """Whether a price names the product or stands in the book."""
    v = view(Price)
    condition = v.c.product_code == product_code if product_code else v.c.price_book_code == price_book_code
    return (await tx.session.scalar(select(v.c.id).where(condition).limit(1))) is not None


async def lock_price(tx: Tx, book_code: str, product_code: str) -> None:
    """Makes others who write prices of this product in this book wait: an overlap cannot be seen row by row."""
    await tx.hold("price", [f"{book_code}:{product_code}"])


async def overlapping(tx: Tx, price: Price) -> Price | None:
    """Another price of the same book, product and quantity that holds on some of the same days."""
    query = (
        select(Price)
        .where(
            Price.price_book_code == price.price_book_code,
            Price.product_code == price.product_code,
            Price.min_quantity == price.min_quantity,
            Price.id != price.id,
        )
        .order_by(Price.id)
    )
    days = (price.start_date, price.end_date)
    others = (await tx.session.scalars(query)).all()
    return next((other for other in others if days_meet(days, (other.start_date, other.end_date))), None)


async def prices_of(tx: Tx, product_codes: Iterable[str], currency: str) -> list[PriceFacts]:
    """Every price of these products in that currency, with its book."""
    query = (
        select(Price, PriceBook)
        .join(PriceBook, PriceBook.code == Price.price_book_code)
        .where(Price.product_code.in_(sorted(set(product_codes))), PriceBook.currency_code == currency)
        .order_by(Price.id)
    )
    return [price.facts(book.facts()) for price, book in (await tx.session.execute(query)).all()]


async def move_served_party(tx: Tx, identity_id: UUID, party_id: UUID) -> None:
    """Puts price books made for an identity's party under the party it belongs to now."""
    await tx.session.execute(
        update(PriceBook)
        .where(PriceBook.served_identity_id == identity_id, PriceBook.served_party_id != party_id)
        .values(served_party_id=party_id, row_version=PriceBook.row_version + 1, update_time=tx.now())
        .execution_options(synchronize_session=False)
    )


async def resolutions(
    tx: Tx, asks: Sequence[PriceAsk], *, customer: Customer | None, unit_id: UUID | None, currency: str, day: date
) -> list[Resolution]:
    """What each product costs for the customer on the day and why, in the order in which they are asked.

    Two queries in all.
    """
    line = await tx.known.unit_line(unit_id or (customer.unit_id if customer else None))
    buyer = Buyer(customer.party_id if customer else None, customer.grade_code if customer else None, line)
    prices = await prices_of(tx, (ask.product_code for ask in asks), currency)
    return resolve_all(asks, prices, buyer, day)


async def resolve_prices(
    tx: Tx, asks: Sequence[PriceAsk], *, customer: Customer | None, unit_id: UUID | None, currency: str, day: date
) -> list[Money | None]:
    """What each product costs, without the reasons."""
    found = await resolutions(tx, asks, customer=customer, unit_id=unit_id, currency=currency, day=day)
    return [resolution.price.unit_price if resolution.price else None for resolution in found]
