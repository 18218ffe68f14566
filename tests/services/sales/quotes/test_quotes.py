"""Quotes on the real service: exact totals, versions, expiry in the customer's zone, permissions."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from support.deals import catalogue, cny, line, new_customer, new_quote, off, told
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.quote_service_pb2 import (
    AcceptQuoteRequest,
    CreateQuoteRequest,
    DeleteQuoteRequest,
    GetQuoteRequest,
    ListQuotesRequest,
    Quote,
    RejectQuoteRequest,
    ReviseQuoteRequest,
    SendQuoteRequest,
    UpdateQuoteRequest,
)
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused
from tercet_sales.quotes import rules
from tercet_sales.quotes.errors import QuoteExpired
from tercet_sales.quotes.model import Quote as QuoteEntity


def test_last_day_is_counted_in_the_customers_zone() -> None:
    day = date(2026, 3, 10)
    noon_utc = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert not rules.has_expired(day, "Asia/Shanghai", noon_utc)
    assert rules.has_expired(day, "Pacific/Auckland", noon_utc)
    assert not rules.has_expired(day, "America/Los_Angeles", datetime(2026, 3, 11, 6, 59, tzinfo=UTC))
    assert rules.has_expired(day, "America/Los_Angeles", datetime(2026, 3, 11, 7, 0, tzinfo=UTC))
    assert rules.end_of(day, "Asia/Shanghai") == datetime(2026, 3, 10, 16, 0, tzinfo=UTC)


def test_expired_quote_is_not_accepted() -> None:
    quote = QuoteEntity(
        number="Q2026-000001",
        version=1,
        state="SENT",
        valid_until_date=date(2026, 3, 10),
        time_zone="Asia/Shanghai",
        lines=[],
    )
    with pytest.raises(QuoteExpired):
        quote.accept(datetime(2026, 3, 10, 16, 0, tzinfo=UTC))
    assert quote.state == "SENT"
    quote.accept(datetime(2026, 3, 10, 15, 59, tzinfo=UTC))


async def test_quote_takes_prices_from_the_book_and_totals_equal_lines(sales: Client) -> None:
    await catalogue(sales, {"F1": "2999.00", "S1": "33.33"})
    customer = await new_customer(sales)
    quote = await new_quote(
        sales, customer, line("F1", "2", discount_percent="5"), line("S1", "3"), adjustments=[off("100")]
    )
    assert quote.state == Quote.DRAFT
    assert quote.number.startswith("Q20")
    assert (quote.version, quote.series_id) == (1, quote.id)
    assert quote.lines[0].description == "产品 F1"
    # 2 × 2999.00 − 5 % = 5698.10; 3 × 33.33 = 99.99; 100 off in proportion, tax by line.
    assert (quote.net.amount, quote.tax.amount, quote.total.amount) == ("5698.09", "740.76", "6438.85")
    assert quote.reduction.amount == "399.90"
    assert [role.party_id for role in quote.parties] == [customer.party_id]
    assert (await told(sales, events.QuoteCreated))[0].quote.total.amount == "6438.85"


async def test_numbers_count_up_per_unit(sales: Client) -> None:
    customer = await new_customer(sales)
    first = await new_quote(sales, customer, line(price="1", description="甲"))
    second = await new_quote(sales, customer, line(price="1", description="乙"))
    other = await new_quote(sales, customer, line(price="1", description="丙"), seller_unit_id=str(new_id()))
    assert int(second.number[-6:]) == int(first.number[-6:]) + 1
    assert other.number == first.number


async def test_everything_wrong_is_told_at_once(sales: Client) -> None:
    quote = Quote(
        title="错误",
        currency_code="CNY",
        customer_id=str(new_id()),
        lines=[line("NONE"), line(quantity="0", price="1")],
    )
    with pytest.raises(Refusal) as caught:
        await sales.CreateQuote(CreateQuoteRequest(quote=quote))
    assert caught.value.reason == "QUOTE_INVALID"
    found = {violation.field: violation.reason for violation in caught.value.violations}
    assert found == {
        "quote.customer_id": "CUSTOMER_UNKNOWN",
        "quote.lines[0].product_code": "PRODUCT_UNKNOWN",
        "quote.lines[1].description": "DESCRIPTION_MISSING",
        "quote.lines[1].quantity": "QUANTITY_INVALID",
    }


async def test_changing_a_draft_prices_it_anew(sales: Client) -> None:
    customer = await new_customer(sales)
    quote = await new_quote(
        sales, customer, line(price="10", description="甲"), line(price="20", description="乙"), adjustments=[off("3")]
    )
    change = Quote(id=quote.id, adjustments=[off("6")])
    changed = await sales.UpdateQuote(UpdateQuoteRequest(quote=change, update_mask={"paths": ["adjustments"]}))
    assert changed.total.amount == "24.00"
    assert [item.adjustments[0].amount.amount for item in changed.lines] == ["2.00", "4.00"]
    with refused("ETAG_MISMATCH"):
        await sales.UpdateQuote(
            UpdateQuoteRequest(quote=Quote(id=quote.id, etag=quote.etag, title="新"), update_mask={"paths": ["title"]})
        )
    with refused("TIME_ZONE_UNKNOWN"):
        change = Quote(id=quote.id, time_zone="Mars/Olympus")
        await sales.UpdateQuote(UpdateQuoteRequest(quote=change, update_mask={"paths": ["time_zone"]}))


async def test_quote_goes_out_and_is_accepted_once(sales: Client) -> None:
    customer = await new_customer(sales)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    quote = await new_quote(sales, customer, line(price="10", description="甲"), valid_until_date=tomorrow)
    with refused("QUOTE_NOT_SENT"):
        await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id))
    sent = await sales.SendQuote(SendQuoteRequest(id=quote.id))
    assert sent.state == Quote.SENT
    with refused("QUOTE_NOT_DRAFT"):
        await sales.UpdateQuote(
            UpdateQuoteRequest(quote=Quote(id=quote.id, title="新"), update_mask={"paths": ["title"]})
        )
    with refused("QUOTE_NOT_DRAFT"):
        await sales.DeleteQuote(DeleteQuoteRequest(id=quote.id))
    accepted = await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id, etag=sent.etag))
    assert accepted.state == Quote.ACCEPTED
    with refused("QUOTE_NOT_SENT"):
        await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id))
    with refused("QUOTE_CANNOT_BE_REVISED"):
        await sales.ReviseQuote(ReviseQuoteRequest(id=quote.id))


async def test_revising_makes_a_version_and_freezes_the_old_one(sales: Client) -> None:
    customer = await new_customer(sales)
    first = await new_quote(sales, customer, line(price="10", description="甲"))
    await sales.SendQuote(SendQuoteRequest(id=first.id))
    await sales.RejectQuote(RejectQuoteRequest(id=first.id, reason="太贵"))
    second = await sales.ReviseQuote(ReviseQuoteRequest(id=first.id, valid_until_date="2099-12-31"))
    assert (second.number, second.version, second.series_id) == (first.number, 2, first.id)
    assert (second.state, second.total.amount, second.valid_until_date) == (Quote.DRAFT, "10.00", "2099-12-31")
    old = await sales.GetQuote(GetQuoteRequest(id=first.id))
    assert (old.state, old.reject_reason) == (Quote.SUPERSEDED, "太贵")
    with refused("QUOTE_CANNOT_BE_REVISED"):
        await sales.ReviseQuote(ReviseQuoteRequest(id=first.id))
    with refused("QUOTE_NOT_SENT"):
        await sales.AcceptQuote(AcceptQuoteRequest(id=first.id))
    with refused("DATE_INVALID", "valid_until_date"):
        await sales.ReviseQuote(ReviseQuoteRequest(id=second.id, valid_until_date="2099-02-31"))
    versions = await sales.ListQuotes(ListQuotesRequest(filter=f'series_id = "{first.id}"', order_by="version"))
    assert [version.version for version in versions.quotes] == [1, 2]
    assert (await told(sales, events.QuoteRevised))[0].superseded_id == first.id


async def test_quote_with_a_past_day_is_not_sent(sales: Client) -> None:
    customer = await new_customer(sales)
    quote = await new_quote(sales, customer, line(price="10", description="甲"), valid_until_date="2020-01-01")
    with refused("QUOTE_EXPIRED", "valid_until_date"):
        await sales.SendQuote(SendQuoteRequest(id=quote.id))
    empty = await new_quote(sales, customer)
    with refused("QUOTE_HAS_NO_LINES"):
        await sales.SendQuote(SendQuoteRequest(id=empty.id))


async def test_sent_quote_expires_by_itself(sales: Client) -> None:
    customer = await new_customer(sales)
    quote = await new_quote(sales, customer, line(price="10", description="甲"), valid_until_date="2099-01-01")
    await sales.SendQuote(SendQuoteRequest(id=quote.id))
    async with sales.transaction() as tx:
        found = await tx.get(QuoteEntity, quote.id)
        found.valid_until_date = date(2020, 1, 1)
        from tercet_sales.quotes.jobs import expire_quote

        tx.schedule(expire_quote, due=tx.now(), key=f"expire:{quote.id}", quote_id=quote.id)

    async def expired() -> bool:
        return bool((await sales.GetQuote(GetQuoteRequest(id=quote.id))).state == Quote.EXPIRED)

    await eventually(expired)
    with refused("QUOTE_EXPIRED"):
        await sales.AcceptQuote(AcceptQuoteRequest(id=quote.id))
    assert len(await told(sales, events.QuoteExpired)) == 1


async def test_quotes_are_found_by_number_and_title(sales: Client) -> None:
    customer = await new_customer(sales)
    quote = await new_quote(sales, customer, line(price="10", description="甲"), title="华东区冷柜采购")
    for words in ("冷柜", quote.number):
        found = await sales.ListQuotes(ListQuotesRequest(q=words))
        assert [each.id for each in found.quotes] == [quote.id]
    assert not (await sales.ListQuotes(ListQuotesRequest(q="洗衣机"))).quotes


async def test_only_who_may_sees_and_answers_quotes(sales: Client) -> None:
    customer = await new_customer(sales)
    quote = await new_quote(sales, customer, line(price="10", description="甲"))
    stranger = sales.as_(permissions={"sales.quote.*": "own"})
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.GetQuote(GetQuoteRequest(id=quote.id))
    assert not (await stranger.ListQuotes(ListQuotesRequest())).quotes
    reader = sales.as_(permissions={"sales.quote.read": "all"})
    assert (await reader.GetQuote(GetQuoteRequest(id=quote.id))).total == cny("10.00")
    with refused("PERMISSION_MISSING"):
        await reader.SendQuote(SendQuoteRequest(id=quote.id))
    elsewhere = sales.as_(tenant_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await elsewhere.GetQuote(GetQuoteRequest(id=quote.id))


async def test_numbers_stay_unique_when_many_quotes_are_made_at_once(sales: Client) -> None:
    customer = await new_customer(sales)
    made = await asyncio.gather(*(new_quote(sales, customer, line(price="1", description="甲")) for _ in range(20)))
    assert len({quote.number for quote in made}) == 20
