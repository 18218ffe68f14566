"""Currency rates over the real service."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.sales.builders import money

from tercet.sales.v1 import currency_rate_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client, refused
from tercet_sales.rates import store


async def rate(sales: Client, source: str, target: str, day: str, value: str) -> pb.CurrencyRate:
    given = pb.CurrencyRate(from_currency=source, to_currency=target, rate_date=day, rate=value, source="pboc")
    made: pb.CurrencyRate = await sales.CreateCurrencyRate(pb.CreateCurrencyRateRequest(currency_rate=given))
    return made


async def converted(sales: Client, amount: str, source: str, target: str, day: str) -> Any:
    return await sales.ConvertMoney(
        pb.ConvertMoneyRequest(money=money(amount, source), to_currency=target, on_date=day)
    )


async def test_the_latest_rate_on_or_before_the_day_is_used_and_named(sales: Client) -> None:
    old = await rate(sales, "USD", "CNY", "2026-01-05", "7.10")
    new = await rate(sales, "USD", "CNY", "2026-02-01", "7.20")
    before = await converted(sales, "100", "USD", "CNY", "2026-01-31")
    after = await converted(sales, "100", "USD", "CNY", "2026-03-01")
    assert (before.money.amount, before.rate_id, before.rate, before.rate_date) == (
        "710.00",
        old.id,
        "7.1",
        "2026-01-05",
    )
    assert (after.money.amount, after.rate_id) == ("720.00", new.id)


async def test_a_correction_of_the_same_day_is_used_from_then_on(sales: Client) -> None:
    await rate(sales, "USD", "CNY", "2026-01-05", "71.0")
    corrected = await rate(sales, "USD", "CNY", "2026-01-05", "7.10")
    answer = await converted(sales, "1", "USD", "CNY", "2026-01-05")
    assert (answer.rate_id, answer.money.amount) == (corrected.id, "7.10")


async def test_a_rate_is_read_backwards_when_there_is_no_other(sales: Client) -> None:
    only = await rate(sales, "USD", "CNY", "2026-01-05", "8")
    answer = await converted(sales, "100", "CNY", "USD", "2026-01-06")
    assert (answer.money.amount, answer.money.currency_code, answer.rate_id, answer.rate) == (
        "12.50",
        "USD",
        only.id,
        "0.125",
    )


async def test_the_same_currency_needs_no_rate(sales: Client) -> None:
    answer = await converted(sales, "12.34", "CNY", "CNY", "2026-01-06")
    assert (answer.money.amount, answer.rate_id, answer.rate) == ("12.34", "", "1")


async def test_without_a_rate_nothing_is_reckoned(sales: Client) -> None:
    await rate(sales, "USD", "CNY", "2026-02-01", "7.2")
    with refused("RATE_MISSING", "to_currency"):
        await converted(sales, "1", "USD", "CNY", "2026-01-31")


async def test_what_can_be_no_rate_is_refused(sales: Client) -> None:
    with refused("RATE_NOT_POSITIVE", "currency_rate.rate"):
        await rate(sales, "USD", "CNY", "2026-01-05", "0.000")
    with refused("RATE_CURRENCIES_EQUAL"):
        await rate(sales, "USD", "USD", "2026-01-05", "1")
    with refused("CURRENCY_UNKNOWN"):
        await rate(sales, "USD", "XYZ", "2026-01-05", "1")
    with refused("VALUE_INVALID", "rate_date"):
        await rate(sales, "USD", "CNY", "2026-02-30", "1")
    with refused("DATE_INVALID", "on_date"):
        await converted(sales, "1", "USD", "CNY", "2026-02-30")


async def test_a_unit_reports_in_its_own_currency_else_in_the_tenants(sales: Client) -> None:
    tokyo = new_id()
    await sales.know_unit(tokyo, reporting_currency="JPY")
    used = await rate(sales, "CNY", "JPY", "2026-01-05", "21.5")
    async with sales.transaction() as tx:
        assert (await tx.known.zone_and_currency(tokyo))[1] == "JPY"
        assert (await tx.known.zone_and_currency(new_id()))[1] == "CNY"
        day = date(2026, 1, 6)
        assert await store.in_reporting(tx, Money.of("100", "CNY"), tokyo, day) == (
            Money.of(2150, "JPY"),
            UUID(used.id),
        )
        assert await store.in_reporting(tx, Money.of("100", "EUR"), tokyo, day) == (None, None)
        assert await store.rate_on(tx, "CNY", "CNY", day) == (None, Decimal(1))
