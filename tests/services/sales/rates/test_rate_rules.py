"""Reckoning amounts: exact, rounded half to even once, never mixing currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_chassis.money import Money
from tercet_sales.amounts import AmountNegative, CurrencyUnknown, check_amount, check_currency
from tercet_sales.rates.errors import AmountTooLarge
from tercet_sales.rates.rules import backwards, convert, rate_text


@pytest.mark.parametrize(
    ("amount", "rate", "to", "result"),
    [
        ("100", "7.1234", "CNY", "712.34"),
        ("0.125", "1", "EUR", "0.12"),
        ("0.135", "1", "EUR", "0.14"),
        ("-0.125", "1", "EUR", "-0.12"),
        ("10.50", "21.7391", "JPY", "228"),
        ("2.5", "1", "JPY", "2"),
        ("3.5", "1", "JPY", "4"),
        ("1", "0.3071", "KWD", "0.307"),
        ("999999999999.99", "1.0000000001", "CNY", "1000000000099.99"),
    ],
)
def test_amounts_are_rounded_half_to_even_to_the_smallest_unit(amount: str, rate: str, to: str, result: str) -> None:
    assert convert(Money.of(amount, "USD"), to, Decimal(rate)) == Money.of(result, to)


def test_the_same_currency_is_left_as_it_is() -> None:
    assert convert(Money.of("0.125", "EUR"), "EUR", Decimal(2)) == Money.of("0.125", "EUR")


def test_a_result_too_large_to_keep_is_refused() -> None:
    with pytest.raises(AmountTooLarge):
        convert(Money.of("999999999999999", "KWD"), "IRR", Decimal(137000))


@given(st.decimals(min_value="0.0001", max_value="99999", places=4))
def test_there_and_back_is_the_same_rate_to_fifteen_digits(rate: Decimal) -> None:
    assert abs(backwards(backwards(rate)) - rate) <= rate * Decimal("1e-15")


def test_a_rate_is_written_without_zeros_at_its_end() -> None:
    assert [rate_text(Decimal(rate)) for rate in ("7.1000000000", "10.0000", "1")] == ["7.1", "10", "1"]


def test_what_is_no_currency_is_refused() -> None:
    assert check_currency("CNY") == "CNY"
    with pytest.raises(CurrencyUnknown):
        check_currency("XYZ")


def test_an_amount_is_not_negative_and_names_a_currency() -> None:
    assert check_amount(Money.of(0, "CNY"), "x") == Money.of(0, "CNY")
    with pytest.raises(AmountNegative) as negative:
        check_amount(Money.of("-0.01", "CNY"), "opportunity.expected_amount")
    assert negative.value.violations[0].field == "opportunity.expected_amount.amount"
    with pytest.raises(CurrencyUnknown) as unknown:
        check_amount(Money.of(1, "XYZ"), "x")
    assert unknown.value.violations[0].field == "x.currency_code"
