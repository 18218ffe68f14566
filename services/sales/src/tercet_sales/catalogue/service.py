"""Methods of products, price books and prices beyond the free ones."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1 import price_book_service_pb2 as pb
from tercet.sales.v1.product_service_pb2 import CreateProductRequest, DeleteProductRequest
from tercet.type.v1 import money_pb2
from tercet_chassis import Handlers, Tx
from tercet_chassis.money import Money
from tercet_sales.amounts import check_currency
from tercet_sales.catalogue import store
from tercet_sales.catalogue.errors import (
    PriceBookInUse,
    PriceBookUnknown,
    PriceOverlaps,
    ProductInUse,
    ProductUnknown,
    QuantityNotPositive,
)
from tercet_sales.catalogue.model import Price, PriceBook, Product
from tercet_sales.catalogue.rules import PriceAsk, Resolution, total
from tercet_sales.customers.store import reachable
from tercet_sales.days import day_in


class ProductService(Handlers):
    """Serves tercet.sales.v1.ProductService."""

    async def CreateProduct(self, request: CreateProductRequest, tx: Tx) -> Product:
        """Adds a product, active unless it says otherwise. Refuses a code that is taken."""
        product = await tx.create(Product, request.product)
        product.active = product.active is not False
        tx.emit(events.ProductCreated, product)
        return product

    async def DeleteProduct(self, request: DeleteProductRequest, tx: Tx) -> Empty:
        """Removes a product. Refuses one that has prices."""
        product = await tx.get(Product, request.id, etag=request.etag, lock=True)
        if await store.has_prices(tx, product_code=product.code):
            raise ProductInUse(product_code=product.code)
        tx.emit(events.ProductDeleted, product)
        await tx.delete(product)
        return Empty()


class PriceBookService(Handlers):
    """Serves tercet.sales.v1.PriceBookService."""

    async def CreatePriceBook(self, request: pb.CreatePriceBookRequest, tx: Tx) -> PriceBook:
        """Adds a price book, active unless it says otherwise. Refuses an unknown currency and reversed dates."""
        check_currency(request.price_book.currency_code, "price_book.currency_code")
        book = await tx.create(PriceBook, request.price_book)
        book.active = book.active is not False
        book.check()
        tx.emit(events.PriceBookCreated, book)
        return book

    async def UpdatePriceBook(self, request: pb.UpdatePriceBookRequest, tx: Tx) -> PriceBook:
        """Changes a price book. Refuses reversed dates."""
        book = await tx.get(PriceBook, request.price_book.id, etag=request.price_book.etag)
        await tx.patch(book, request.price_book, request.update_mask)
        book.check()
        if tx.session.is_modified(book):
            tx.emit(events.PriceBookUpdated, book)
        return book

    async def DeletePriceBook(self, request: pb.DeletePriceBookRequest, tx: Tx) -> Empty:
        """Removes a price book. Refuses one that has prices."""
        book = await tx.get(PriceBook, request.id, etag=request.etag, lock=True)
        if await store.has_prices(tx, price_book_code=book.code):
            raise PriceBookInUse(price_book_code=book.code)
        tx.emit(events.PriceBookDeleted, book)
        await tx.delete(book)
        return Empty()

    async def CreatePrice(self, request: pb.CreatePriceRequest, tx: Tx) -> Price:
        """Adds a price. Refuses an unknown book or product, another currency, and an overlap."""
        price = await tx.create(Price, request.price)
        with tx.session.no_autoflush:
            await self._check(price, tx)
        tx.emit(events.PriceCreated, price)
        return price

    async def UpdatePrice(self, request: pb.UpdatePriceRequest, tx: Tx) -> Price:
        """Changes a price. Refuses another currency than the book's and an overlap."""
        price = await tx.get(Price, request.price.id, etag=request.price.etag)
        await tx.patch(price, request.price, request.update_mask)
        with tx.session.no_autoflush:
            await self._check(price, tx)
        if tx.session.is_modified(price):
            tx.emit(events.PriceUpdated, price)
        return price

    async def _check(self, price: Price, tx: Tx) -> None:
        await store.lock_price(tx, price.price_book_code, price.product_code)
        book = await store.book_by_code(tx, price.price_book_code)
        if book is None:
            raise PriceBookUnknown(price_book_code=price.price_book_code)
        if not await store.products_by_code(tx, [price.product_code]):
            raise ProductUnknown(product_code=price.product_code)
        price.check(book)
        other = await store.overlapping(tx, price)
        if other is not None:
            raise PriceOverlaps(
                price_id=other.id,
                product_code=other.product_code,
                min_quantity=f"{other.min_quantity:f}",
                start_date=other.start_date or "the beginning",
                end_date=other.end_date or "for good",
            )

    async def ResolvePrices(self, request: pb.ResolvePricesRequest, tx: Tx) -> pb.ResolvePricesResponse:
        """What products cost for a customer on a day, and why.

        Refuses a customer out of reach and a quantity of zero.
        """
        currency = check_currency(request.currency_code)
        customer = await reachable(tx, request.customer_id) if request.customer_id else None
        unit_id = UUID(request.unit_id) if request.unit_id else customer.unit_id if customer else tx.principal.unit_id
        day = day_in(tx.principal.zone, tx.now(), request.on_date)
        asks = [PriceAsk(ask.product_code, Decimal(ask.quantity or 1)) for ask in request.asks]
        if any(ask.quantity <= 0 for ask in asks):
            raise QuantityNotPositive
        found = await store.resolutions(tx, asks, customer=customer, unit_id=unit_id, currency=currency, day=day)
        return pb.ResolvePricesResponse(answers=[_answer(resolution) for resolution in found], on_date=day.isoformat())


def _money(money: Money) -> money_pb2.Money:
    return money_pb2.Money(currency_code=money.currency, amount=money.text())


def _answer(resolution: Resolution) -> pb.ResolvePricesResponse.Answer:
    answer = pb.ResolvePricesResponse.Answer(
        product_code=resolution.ask.product_code,
        explanation=resolution.explanation,
        candidates=[
            pb.ResolvePricesResponse.Candidate(
                price_book_code=candidate.price.book.code,
                price_id=str(candidate.price.id),
                unit_price=_money(candidate.price.unit_price),
                won=candidate.won,
                reason=candidate.reason,
            )
            for candidate in resolution.candidates
        ],
    )
    price = resolution.price
    if price is not None:
        answer.unit_price.CopyFrom(_money(price.unit_price))
        answer.total.CopyFrom(_money(total(price.unit_price, resolution.ask.quantity)))
        answer.price_book_code, answer.price_id = price.book.code, str(price.id)
    return answer
