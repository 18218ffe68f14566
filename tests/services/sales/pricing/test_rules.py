"""Pricing: exact to the cent, header equal to lines, every fault told."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money, minor_digits
from tercet_sales.pricing import rules
from tercet_sales.pricing.rules import ProductFacts, Terms

PRODUCTS = {
    "A1": ProductFacts("A1", "洗衣机", True, Decimal(13)),
    "B2": ProductFacts("B2", "安装服务", True, Decimal(6)),
    "OLD": ProductFacts("OLD", "旧款", False, None),
}


def cny(amount: str) -> dict[str, str]:
    return {"currency_code": "CNY", "amount": amount}


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {
        "currency": "CNY",
        "prices_include_tax": False,
        "open_lines": False,
        "products": PRODUCTS,
        "prices": {},
    }
    return Terms(**{**values, **changes})


def line(code: str = "A1", quantity: str = "1", price: str | None = "100.00", **more: Any) -> dict[str, Any]:
    own = {"unit_price": cny(price)} if price is not None else {}
    return {"product_code": code, "quantity": quantity, **own, **more}


def reasons(priced: rules.Priced) -> dict[str, str]:
    return {fault.field: fault.reason for fault in priced.faults}


def test_a_line_is_quantity_times_price_less_discounts_plus_tax() -> None:
    priced = rules.price(
        [
            line(
                quantity="3",
                price="99.99",
                discount_percent="10",
                adjustments=[{"source": "coupon", "amount": cny("5")}],
            )
        ],
        [],
        terms(),
    )
    only = priced.lines[0]
    assert only["gross"] == cny("299.97")
    assert only["reduction"] == cny("35.00")
    assert (only["net"], only["tax"], only["total"]) == (cny("264.97"), cny("34.45"), cny("299.42"))
    assert only["description"] == "洗衣机"
    assert only["line_no"] == 1
    assert priced.total == Money.of("299.42", "CNY")


def test_tax_inside_the_price_is_taken_out_of_it() -> None:
    priced = rules.price([line(price="113.00"), line("B2", price="10.60")], [], terms(prices_include_tax=True))
    assert (priced.net, priced.tax, priced.total) == tuple(
        Money.of(amount, "CNY") for amount in ("110.00", "13.60", "123.60")
    )


def test_book_price_without_tax_is_grossed_up_when_prices_include_tax() -> None:
    priced = rules.price([line(price=None)], [], terms(prices_include_tax=True, prices={0: Money.of("100", "CNY")}))
    assert priced.lines[0]["unit_price"] == cny("113.00")


def test_discount_of_the_whole_document_is_split_to_the_cent() -> None:
    lines = [line(price="100.00", tax_percent="0") for _ in range(3)]
    priced = rules.price(lines, [{"source": "campaign", "amount": cny("100.00"), "funded_by": "manufacturer"}], terms())
    shares = [item["adjustments"][0]["amount"]["amount"] for item in priced.lines]
    assert sorted(shares) == ["33.33", "33.33", "33.34"]
    assert all(
        item["adjustments"][0]["shared"] and item["adjustments"][0]["funded_by"] == "manufacturer"
        for item in priced.lines
    )
    assert priced.total == Money.of("200.00", "CNY")


def test_pricing_again_gives_the_same() -> None:
    whole = [{"source": "campaign", "amount": cny("30")}]
    once = rules.price([line(), line("B2", "2", "45.5")], whole, terms())
    assert rules.price(once.lines, whole, terms()) == once


def test_all_faults_of_all_lines_come_together() -> None:
    lines = [
        line("NONE"),
        line("OLD"),
        line(quantity="0"),
        line(quantity="drei"),
        line(price=None),
        {"product_code": "A1", "quantity": "1", "unit_price": {"currency_code": "USD", "amount": "5"}},
        line(price="-1"),
        line(discount_percent="101"),
        line("", "1"),
        line(adjustments=[{"source": "gift", "amount": cny("200")}]),
        line(quantity="1.00001"),
        line("NONE", quantity="-2"),
        line(quantity="999999999", price="999999999999999"),
        line(quantity="NaN"),
    ]
    found = reasons(rules.price(lines, [{"source": "coupon", "amount": cny("0")}], terms()))
    assert found == {
        "lines[0].product_code": "PRODUCT_UNKNOWN",
        "lines[1].product_code": "PRODUCT_NOT_SOLD",
        "lines[2].quantity": "QUANTITY_INVALID",
        "lines[3].quantity": "QUANTITY_INVALID",
        "lines[4].unit_price": "PRICE_MISSING",
        "lines[5].unit_price": "CURRENCY_MISMATCH",
        "lines[6].unit_price": "PRICE_NEGATIVE",
        "lines[7].discount_percent": "PERCENT_INVALID",
        "lines[8].product_code": "PRODUCT_MISSING",
        "lines[9].adjustments": "ADJUSTMENT_EXCEEDS_LINE",
        "lines[10].quantity": "QUANTITY_INVALID",
        "lines[11].product_code": "PRODUCT_UNKNOWN",
        "lines[11].quantity": "QUANTITY_INVALID",
        "lines[12].quantity": "AMOUNT_TOO_LARGE",
        "lines[13].quantity": "QUANTITY_INVALID",
        "adjustments[0].amount": "ADJUSTMENT_NOT_POSITIVE",
    }


def test_more_off_than_there_is_to_pay_is_a_fault() -> None:
    priced = rules.price([line(price="10")], [{"source": "coupon", "amount": cny("10.01")}], terms())
    assert reasons(priced) == {"adjustments[0].amount": "ADJUSTMENT_EXCEEDS_TOTAL"}


def test_an_open_line_needs_words_and_a_price() -> None:
    open_terms = terms(open_lines=True)
    assert reasons(rules.price([{"quantity": "1"}], [], open_terms)) == {
        "lines[0].description": "DESCRIPTION_MISSING",
        "lines[0].unit_price": "PRICE_MISSING",
    }
    assert not rules.price(
        [{"quantity": "1", "description": "现场勘测", "unit_price": cny("300")}], [], open_terms
    ).faults


def test_currency_without_decimals_is_rounded_to_whole_units() -> None:
    yen = {"currency_code": "JPY", "amount": "333"}
    priced = rules.price(
        [{"product_code": "A1", "quantity": "1.5", "unit_price": yen, "tax_percent": "10"}], [], terms(currency="JPY")
    )
    assert [priced.lines[0][name]["amount"] for name in ("gross", "tax", "total")] == ["500", "50", "550"]


amounts = st.decimals(min_value=0, max_value=99999, places=2)
any_line = st.fixed_dictionaries(
    {
        "product_code": st.sampled_from(["A1", "B2"]),
        "quantity": st.decimals(min_value=Decimal("0.0001"), max_value=500, places=4).map(str),
        "unit_price": amounts.map(lambda value: cny(f"{value:f}")),
        "discount_percent": st.decimals(min_value=0, max_value=100, places=2).map(lambda value: f"{value:f}"),
        "tax_percent": st.sampled_from(["", "0", "3", "6", "9", "13"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_line, min_size=1, max_size=12), st.booleans(), st.decimals(min_value=0, max_value=1, places=3))
def test_header_equals_lines_and_shares_equal_their_whole(
    lines: list[dict[str, Any]], include: bool, part: Decimal
) -> None:
    plain = rules.price(lines, [], terms(prices_include_tax=include))
    payable = (
        Money.sum((rules.money_of(item["gross"]) or Money.zero("CNY") for item in plain.lines), "CNY") - plain.reduction
    )
    off = Money(payable.amount * part, "CNY").rounded()
    whole = [{"source": "campaign", "amount": rules.money_json(off)}] if off.amount > 0 else []
    priced = rules.price(lines, whole, terms(prices_include_tax=include))
    assert not priced.faults
    unit = Fraction(1, 10 ** minor_digits("CNY"))
    for name in ("net", "tax", "total", "reduction"):
        cents = [Fraction(item[name]["amount"]) for item in priced.lines]
        assert all(value >= 0 and value % unit == 0 for value in cents)
        assert sum(cents) == Fraction(getattr(priced, name).amount)
    shared = sum(Fraction(each["amount"]["amount"]) for item in priced.lines for each in item["adjustments"])
    assert shared == Fraction(off.amount)
    for item in priced.lines:
        net, tax, total = (Fraction(item[name]["amount"]) for name in ("net", "tax", "total"))
        rate = Fraction(item["tax_percent"]) / 100
        assert net + tax == total
        exact = total - total / (1 + rate) if include else net * rate
        assert abs(tax - exact) <= unit / 2
        paid = Fraction(item["gross"]["amount"]) - Fraction(item["reduction"]["amount"])
        assert paid == (total if include else net)
