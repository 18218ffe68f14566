"""Products, price books and prices over the real service."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from services.sales.builders import company, money

from tercet.sales.v1 import price_book_service_pb2 as books
from tercet.sales.v1 import product_service_pb2 as products
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client, refused
from tercet_sales.catalogue import store
from tercet_sales.catalogue.rules import PriceAsk


async def product(sales: Client, code: str = "WS-1", name: str = "工作站", **values: Any) -> products.Product:
    given = products.Product(code=code, name=name, unit_of_measure="台", **values)
    made: products.Product = await sales.CreateProduct(products.CreateProductRequest(product=given))
    return made


async def book(sales: Client, code: str = "list", currency: str = "CNY", **values: Any) -> books.PriceBook:
    given = books.PriceBook(code=code, name=code, currency_code=currency, **values)
    made: books.PriceBook = await sales.CreatePriceBook(books.CreatePriceBookRequest(price_book=given))
    return made


async def price(sales: Client, amount: str, in_book: str = "list", of: str = "WS-1", **values: Any) -> books.Price:
    currency = values.pop("currency", "CNY")
    given = books.Price(price_book_code=in_book, product_code=of, unit_price=money(amount, currency), **values)
    made: books.Price = await sales.CreatePrice(books.CreatePriceRequest(price=given))
    return made


async def resolved(sales: Client, quantity: str = "1", **values: Any) -> books.ResolvePricesResponse.Answer:
    ask = books.ResolvePricesRequest.Ask(product_code="WS-1", quantity=quantity)
    request = books.ResolvePricesRequest(asks=[ask], **{"currency_code": "CNY", "on_date": "2026-03-15", **values})
    answer: books.ResolvePricesResponse.Answer = (await sales.ResolvePrices(request)).answers[0]
    return answer


async def test_a_product_is_found_by_code_and_name_and_its_code_is_taken_once(sales: Client) -> None:
    made = await product(sales, tax_percent="13")
    assert (made.active, made.tax_percent) == (True, "13")
    for q in ("WS", "工作站"):
        found = await sales.ListProducts(products.ListProductsRequest(q=q))
        assert [item.id for item in found.products] == [made.id]
    with refused("RESOURCE_ALREADY_EXISTS", "product.code"):
        await product(sales)


async def test_a_product_with_prices_is_not_deleted_but_made_inactive(sales: Client) -> None:
    made = await product(sales)
    await book(sales)
    await price(sales, "100")
    with refused("PRODUCT_IN_USE", "id"):
        await sales.DeleteProduct(products.DeleteProductRequest(id=made.id))
    change = products.Product(id=made.id, active=False)
    request = products.UpdateProductRequest(product=change, update_mask=FieldMask(paths=["active"]))
    assert (await sales.UpdateProduct(request)).active is False


async def test_a_quantity_comes_back_as_people_write_it(sales: Client) -> None:
    await product(sales)
    await book(sales)
    made = await price(sales, "100", min_quantity="10")
    read = await sales.GetPrice(books.GetPriceRequest(id=made.id))
    assert (read.min_quantity, read.unit_price.amount) == ("10", "100.00")


async def test_a_price_keeps_to_its_books_currency_and_is_not_negative(sales: Client) -> None:
    await product(sales)
    await book(sales)
    with refused("PRICE_CURRENCY_DIFFERS", "price.unit_price.currency_code"):
        await price(sales, "100", currency="USD")
    with refused("PRICE_NEGATIVE", "price.unit_price.amount"):
        await price(sales, "-1")
    with refused("PRICE_BOOK_UNKNOWN", "price.price_book_code"):
        await price(sales, "1", in_book="none")
    with refused("PRODUCT_UNKNOWN"):
        await price(sales, "1", of="none")
    with refused("DATES_REVERSED", "price.end_date"):
        await price(sales, "1", start_date="2026-02-01", end_date="2026-01-01")


async def test_two_prices_do_not_hold_on_the_same_day(sales: Client) -> None:
    await product(sales)
    await book(sales)
    await price(sales, "100", end_date="2026-03-31")
    with refused("PRICE_OVERLAPS", "price.start_date"):
        await price(sales, "110", start_date="2026-03-31")
    following = await price(sales, "110", start_date="2026-04-01")
    change = books.Price(id=following.id, start_date="2026-03-01")
    with refused("PRICE_OVERLAPS"):
        await sales.UpdatePrice(books.UpdatePriceRequest(price=change, update_mask=FieldMask(paths=["start_date"])))


async def test_of_two_overlapping_prices_at_once_one_is_made(sales: Client) -> None:
    await product(sales)
    await book(sales)
    both = await asyncio.gather(price(sales, "100"), price(sales, "90"), return_exceptions=True)
    assert sum(isinstance(made, books.Price) for made in both) == 1


async def test_a_book_with_prices_is_not_deleted(sales: Client) -> None:
    await product(sales)
    made = await book(sales)
    await price(sales, "100")
    with refused("PRICE_BOOK_IN_USE", "id"):
        await sales.DeletePriceBook(books.DeletePriceBookRequest(id=made.id))


async def test_the_price_depends_on_customer_quantity_day_and_currency_and_says_why(sales: Client) -> None:
    await product(sales)
    region, team = new_id(), new_id()
    path = await sales.know_unit(region)
    await sales.know_unit(team, parent_path=path)
    dealer = await company(sales, unit_id=str(team), grade_code="A")
    await book(sales)
    await book(sales, "usd", currency="USD")
    await book(sales, "east", served_unit_id=str(region))
    await book(sales, "grade-a", served_grade_code="A")
    await book(sales, "dealer", served_party_id=dealer.party_id, start_date="2026-04-01")
    await price(sales, "100")
    await price(sales, "90", min_quantity="10")
    await price(sales, "15", "usd", currency="USD")
    await price(sales, "95", "east")
    await price(sales, "88", "grade-a", min_quantity="50")
    await price(sales, "70", "dealer")

    assert (await resolved(sales)).unit_price.amount == "100.00"
    assert (await resolved(sales, "10")).total.amount == "900.00"
    assert (await resolved(sales, currency_code="USD")).unit_price.amount == "15.00"
    for_dealer = {"customer_id": dealer.id}
    assert (await resolved(sales, **for_dealer)).price_book_code == "east"
    assert (await resolved(sales, "50", **for_dealer)).price_book_code == "grade-a"
    answer = await resolved(sales, "50", on_date="2026-04-01", **for_dealer)
    assert (answer.price_book_code, answer.total.amount) == ("dealer", "3500.00")
    assert answer.explanation == "price book dealer applies: it is made for this customer"
    assert len(answer.candidates) == 5
    nothing = await resolved(sales, currency_code="EUR")
    assert not nothing.HasField("unit_price")
    assert nothing.explanation == "no price book has this product in this currency"


async def test_questions_that_make_no_sense_are_refused(sales: Client) -> None:
    with refused("QUANTITY_NOT_POSITIVE"):
        await resolved(sales, "0")
    with refused("CURRENCY_UNKNOWN"):
        await resolved(sales, currency_code="ZZZ")
    with refused("CUSTOMER_UNKNOWN", "customer_id"):
        await resolved(sales, customer_id=str(new_id()))
    with refused("REQUEST_INVALID"):
        await resolved(sales, "many")


async def test_two_hundred_lines_are_priced_at_once(sales: Client) -> None:
    await book(sales)
    codes = [f"P{at}" for at in range(20)]
    for at, code in enumerate(codes):
        await product(sales, code, code)
        await price(sales, str(at + 1), of=code)
    async with sales.transaction() as tx:
        asks = [PriceAsk(codes[at % 20], Decimal(at + 1)) for at in range(200)]
        found = await store.resolve_prices(tx, asks, customer=None, unit_id=None, currency="CNY", day=date(2026, 1, 1))
    assert found == [Money.of(at % 20 + 1, "CNY") for at in range(200)]


async def test_who_may_only_read_prices_does_not_change_them(sales: Client) -> None:
    await product(sales)
    await book(sales)
    reader = sales.as_(permissions={"sales.price.read": "all", "sales.product.read": "own"})
    with refused("PERMISSION_MISSING"):
        await price(reader, "1")
    assert len((await reader.ListProducts(products.ListProductsRequest())).products) == 1
