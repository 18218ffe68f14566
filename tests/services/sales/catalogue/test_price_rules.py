"""Which price holds, and why."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_sales.catalogue.rules import BookFacts, Buyer, PriceAsk, PriceFacts, days_meet, resolve, resolve_all, total

PARTY, TEAM, REGION, GROUP = (new_id() for _ in range(4))
BUYER = Buyer(PARTY, "A", (TEAM, REGION, GROUP))
DAY = date(2026, 3, 15)
ASK = PriceAsk("WS-1", Decimal(10))


def price(book: BookFacts, amount: str, **values: Any) -> PriceFacts:
    return PriceFacts(new_id(), "WS-1", book, Money.of(amount, book.currency), **values)


def book(code: str, **values: Any) -> BookFacts:
    return BookFacts(code, "CNY", **values)


GENERAL = price(book("list"), "100")
REGIONAL = price(book("region", served_unit_id=REGION), "95")
OF_TEAM = price(book("team", served_unit_id=TEAM), "94")
GRADED = price(book("grade-a", served_grade_code="A"), "90")
PERSONAL = price(book("dealer", served_party_id=PARTY), "80")


@pytest.mark.parametrize(
    ("prices", "winner"),
    [
        ([GENERAL], GENERAL),
        ([GENERAL, REGIONAL], REGIONAL),
        ([REGIONAL, OF_TEAM], OF_TEAM),
        ([OF_TEAM, GRADED], GRADED),
        ([GRADED, PERSONAL, GENERAL, REGIONAL, OF_TEAM], PERSONAL),
    ],
)
def test_the_book_made_most_closely_for_the_customer_wins(prices: list[PriceFacts], winner: PriceFacts) -> None:
    assert resolve(ASK, prices, BUYER, DAY).price is winner


def test_a_book_for_others_never_wins() -> None:
    others = [
        price(book("x", served_party_id=new_id()), "1"),
        price(book("y", served_grade_code="B"), "1"),
        price(book("z", served_unit_id=new_id()), "1"),
        price(book("w", served_party_id=PARTY, served_grade_code="B"), "1"),
    ]
    found = resolve(ASK, [*others, GENERAL], BUYER, DAY)
    assert found.price is GENERAL
    assert {candidate.reason for candidate in found.candidates if not candidate.won} == {"the book is made for others"}


@pytest.mark.parametrize(
    ("quantity", "amount"), [("1", "100"), ("9.9999", "100"), ("10", "90"), ("99", "90"), ("100", "80"), ("5000", "80")]
)
def test_the_largest_quantity_that_is_reached_gives_the_price(quantity: str, amount: str) -> None:
    steps = [
        price(book("list"), value, min_quantity=Decimal(least))
        for least, value in ((0, "100"), (10, "90"), (100, "80"))
    ]
    found = resolve(PriceAsk("WS-1", Decimal(quantity)), steps, BUYER, DAY).price
    assert found is not None
    assert found.unit_price == Money.of(amount, "CNY")


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"start_date": DAY}, True),
        ({"end_date": DAY}, True),
        ({"start_date": date(2026, 3, 16)}, False),
        ({"end_date": date(2026, 3, 14)}, False),
    ],
)
def test_days_are_counted_with_both_ends(values: dict[str, date], holds: bool) -> None:
    assert (resolve(ASK, [price(book("list"), "1", **values)], BUYER, DAY).price is not None) == holds
    assert (resolve(ASK, [price(book("list", **values), "1")], BUYER, DAY).price is not None) == holds


def test_an_inactive_book_has_no_say() -> None:
    found = resolve(ASK, [price(book("list", active=False), "1")], BUYER, DAY)
    assert found.price is None
    assert found.candidates[0].reason == "the book is not active"


def test_among_equals_priority_then_the_later_start_then_the_code_decides() -> None:
    plain, high = price(book("b"), "1"), price(book("c", priority=5), "2")
    late = price(book("d", start_date=date(2026, 1, 1)), "3")
    first = price(book("a"), "4")
    assert resolve(ASK, [plain, high, late, first], BUYER, DAY).price is high
    assert resolve(ASK, [plain, late, first], BUYER, DAY).price is late
    assert resolve(ASK, [plain, first], BUYER, DAY).price is first


def test_the_answer_does_not_depend_on_the_order_of_the_question() -> None:
    prices = [GENERAL, REGIONAL, OF_TEAM, GRADED]
    answers = {resolve(ASK, order, BUYER, DAY).candidates for order in itertools.permutations(prices)}
    assert len(answers) == 1


def test_everything_that_was_looked_at_has_a_reason() -> None:
    found = resolve(ASK, [GENERAL, GRADED, REGIONAL], BUYER, DAY)
    assert found.explanation == "price book grade-a applies: it is made for customers of grade A"
    assert [(candidate.price.book.code, candidate.won) for candidate in found.candidates] == [
        ("grade-a", True),
        ("region", False),
        ("list", False),
    ]
    assert all(candidate.reason for candidate in found.candidates)


def test_many_products_are_answered_in_the_order_they_are_asked() -> None:
    asks = [PriceAsk("none"), ASK, PriceAsk("WS-1")]
    found = resolve_all(asks, [GENERAL], BUYER, DAY)
    assert [item.price for item in found] == [None, GENERAL, GENERAL]


def test_a_total_is_rounded_once_and_half_to_even() -> None:
    assert total(Money.of("0.3333", "CNY"), Decimal(3)) == Money.of("1.00", "CNY")
    assert total(Money.of("0.005", "CNY"), Decimal(1)) == Money.of("0.00", "CNY")
    assert total(Money.of("100", "JPY"), Decimal("0.5")) == Money.of("50", "JPY")


def test_days_meet_when_one_lies_in_both() -> None:
    january, march = (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 3, 1), None)
    assert not days_meet(january, march)
    assert days_meet((None, date(2026, 3, 1)), march)
    assert days_meet((None, None), january)
