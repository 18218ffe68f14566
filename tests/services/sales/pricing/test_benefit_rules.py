"""Whatever a till gives, lines and sums stay exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money
from tercet_sales.pricing.benefits import Given, Wishes, basket_lines, not_given, with_benefits
from tercet_sales.pricing.benefits import given as read
from tercet_sales.pricing.rules import Json, Terms, money_of, price

AMOUNTS = ("gross", "reduction", "net", "tax", "total")


def amount(cents: int, currency: str = "CNY") -> Json:
    return {"currency_code": currency, "amount": f"{Decimal(cents) / 100:.2f}"}


def priced(prices: list[int], tax: str, *, include_tax: bool, own: int = 0) -> list[Json]:
    common = {"description": "冰箱", "quantity": "1", "tax_percent": tax}
    lines = [{**common, "unit_price": amount(cents)} for cents in prices]
    adjustments = [{"source": "manual", "amount": amount(own)}] if own else []
    done = price(lines, adjustments, Terms("CNY", include_tax, True, {}, {}))
    assert not done.faults
    return done.lines


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 10**7), min_size=1, max_size=6),
    st.data(),
    st.sampled_from(["0", "6", "13", "8.875"]),
    st.booleans(),
)
def test_shares_come_off_the_lines_to_the_cent(prices: list[int], data: st.DataObject, tax: str, taxed: bool) -> None:
    lines = priced(prices, tax, include_tax=taxed, own=data.draw(st.integers(0, min(prices))))
    shown = basket_lines(lines, "CNY")
    lefts = [int(Decimal(line["amount"]["amount"]) * 100) for line in shown]
    cuts = [data.draw(st.integers(0, left)) for left in lefts]
    shares = {number: [{"amount": amount(cut), "benefit": True}] for number, cut in enumerate(cuts, 1) if cut}
    after = with_benefits(lines, Given(Money(Decimal(sum(cuts)) / 100, "CNY"), shares), "CNY", include_tax=taxed)
    # As if somebody had written the shares onto the lines by hand.
    manual = [
        {**line, "adjustments": [{**item, "shared": False} for item in line["adjustments"]] + [
            {"source": "hand", "amount": share["amount"]} for share in shares.get(line["line_no"], [])
        ]}
        for line in lines
    ]  # fmt: skip
    by_hand = price(manual, [], Terms("CNY", taxed, True, {}, {}))
    assert not by_hand.faults
    for name in AMOUNTS:
        assert [line[name] for line in after.lines] == [line[name] for line in by_hand.lines]
    total = Money.sum((money_of(line["total"]) or Money.zero("CNY") for line in after.lines), "CNY")
    assert (after.total, after.net + after.tax) == (total, total)


def test_no_more_is_taken_off_than_there_is() -> None:
    lines = priced([100], "13", include_tax=False)
    with pytest.raises(ValueError, match="line 1"):
        with_benefits(lines, Given(Money.zero("CNY"), {1: [{"amount": amount(101)}]}), "CNY", include_tax=False)


def test_only_what_was_named_must_be_given() -> None:
    withheld = [
        {"code": "A", "hindrance": "CODE_UNKNOWN"},
        {"grant_id": "named", "hindrance": "GRANT_EXPIRED"},
        {"grant_id": "beaten", "hindrance": "OTHER_IS_BETTER"},
        {"grant_id": "tried", "hindrance": "THRESHOLD_NOT_REACHED"},
        {"promotion_code": "week", "hindrance": "THRESHOLD_NOT_REACHED"},
    ]
    wishes = Wishes(("A",), ("named", "beaten"), auto=True)
    assert not_given(wishes, withheld) == withheld[:2]
    assert not Wishes()


def test_an_answer_names_policies_where_grants_are_known() -> None:
    share = {"line_no": 1, "source": "coupon", "amount": amount(5)}
    answer = {
        "adjustments": [{**share, "grant_id": "g"}, share],
        "applied": [{"grant_id": "g", "policy_code": "ten", "version": 3}],
    }
    known, unknown = read(answer, "CNY").shares[1]
    assert (known["policy_code"], known["policy_version"]) == ("ten", 3)
    assert "policy_code" not in unknown
