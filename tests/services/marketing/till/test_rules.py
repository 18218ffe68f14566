"""Splitting and choosing, over any order: nothing is lost by a cent, nothing is given twice, the best is found."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money, minor_digits
from tercet_marketing.till.rules import Candidate, Plan, best, in_turn
from tercet_marketing.tools.rules import Basket, BasketLine, Benefit, Withheld, give, reduce

CURRENCIES = st.sampled_from(["CNY", "JPY", "KWD"])


def order(currency: str, units: list[int]) -> Basket:
    unit = Decimal(1).scaleb(-minor_digits(currency))
    amounts = [Money(unit * count, currency) for count in units]
    lines = [BasketLine(at, f"P{at % 3}", Decimal(1), amount, amount) for at, amount in enumerate(amounts, start=1)]
    return Basket(currency, tuple(lines))


baskets = st.builds(order, CURRENCIES, st.lists(st.integers(0, 1_000_000), min_size=1, max_size=12))
whole = st.integers(1, 5_000).map(str)
reductions = st.one_of(
    st.fixed_dictionaries({"off": whole}, optional={"threshold": whole, "most": whole}),
    st.fixed_dictionaries({"percent": st.integers(1, 100).map(str)}, optional={"threshold": whole, "most": whole}),
    st.fixed_dictionaries(
        {"off": whole, "threshold": whole, "repeat": st.just(True)}, optional={"times_max": st.integers(1, 9)}
    ),
    st.fixed_dictionaries(
        {
            "steps": st.lists(
                st.fixed_dictionaries({"threshold": whole, "off": whole}),
                min_size=1,
                max_size=4,
                unique_by=lambda step: step["threshold"],
            )
        }
    ),
    st.fixed_dictionaries({"off": whole, "products": st.just(["P1"])}),
)


def promised(numbers: dict[str, Any], basket: Basket) -> Decimal | None:
    """What the numbers promise on an order that nothing was taken off yet, said another way than the code does."""
    scope = [
        line.amount.amount for line in basket.lines if line.product_code in numbers.get("products", [line.product_code])
    ]
    if not scope:
        return None
    whole_amount = sum(scope, Decimal(0))
    steps = numbers.get("steps") or [numbers]
    reached = [step for step in steps if Decimal(step.get("threshold", "0")) <= whole_amount]
    if not reached:
        return None
    step = max(reached, key=lambda step: Decimal(step.get("threshold", "0")))
    if "percent" in step:
        unit = Decimal(1).scaleb(-minor_digits(basket.currency))
        amount = (whole_amount * Decimal(step["percent"]) / 100) // unit * unit
    else:
        amount = Decimal(step["off"])
        if numbers.get("repeat"):
            times = whole_amount // Decimal(numbers["threshold"])
            amount *= min(times, numbers.get("times_max", times))
    return min(amount, whole_amount, Decimal(numbers.get("most", whole_amount)))


@given(baskets, reductions)
def test_shares_add_up_to_what_was_promised_to_the_smallest_unit(basket: Basket, numbers: dict[str, Any]) -> None:
    expected = promised(numbers, basket)
    given_ = reduce(numbers, basket)
    if isinstance(given_, Withheld):
        assert not expected
        return
    assert given_.amount.amount == expected
    for line, share in zip(basket.lines, given_.shares, strict=True):
        assert 0 <= share.amount <= line.left.amount
        assert share == share.rounded()
        if line.product_code not in numbers.get("products", [line.product_code]):
            assert not share.amount


@given(baskets, st.lists(reductions, min_size=1, max_size=5))
def test_benefits_in_turn_never_take_more_than_there_is(basket: Basket, several: list[dict[str, Any]]) -> None:
    candidates = [candidate(f"c{at}", numbers, f"g{at}", at) for at, numbers in enumerate(several)]
    plan = in_turn(basket, candidates)
    for at, line in enumerate(basket.lines):
        taken = sum((one.benefit.shares[at].amount for one in plan.applied), Decimal(0))
        assert 0 <= taken <= line.amount.amount


def candidate(ref: str, numbers: dict[str, Any], group: str, order: int = 0, *, alone: bool = False) -> Candidate:
    return Candidate(ref, partial(reduce, numbers), group, order, alone)


@st.composite
def offers(draw: st.DrawFn) -> list[Candidate]:
    several = draw(
        st.lists(st.tuples(reductions, st.sampled_from("abc"), st.integers(0, 2), st.booleans()), max_size=6)
    )
    return [
        candidate(f"c{at}", numbers, group, order, alone=alone and order == 0)
        for at, (numbers, group, order, alone) in enumerate(several)
    ]


def brute_force(basket: Basket, candidates: list[Candidate]) -> Decimal:
    """The most that any allowed set takes off."""
    most = Decimal(0)
    for chosen in product([False, True], repeat=len(candidates)):
        used = [one for one, taken in zip(candidates, chosen, strict=True) if taken]
        if any(one.alone for one in used) and len(used) > 1:
            continue
        if len({one.group for one in used}) == len(used):
            most = max(most, in_turn(basket, used).total)
    return most


@settings(max_examples=150, deadline=None)
@given(baskets, offers())
def test_the_best_is_found_and_always_the_same(basket: Basket, candidates: list[Candidate]) -> None:
    plan = best(basket, candidates)
    assert plan.total == brute_force(basket, candidates)
    assert refs(plan) == refs(best(basket, candidates[::-1]))
    assert {*refs(plan), *plan.withheld} == {one.ref for one in candidates}
    groups = [one.candidate.group for one in plan.applied]
    assert len(groups) == len(set(groups))


def refs(plan: Plan) -> list[str]:
    return [one.candidate.ref for one in plan.applied]


def test_many_candidates_on_a_long_order_are_still_weighed() -> None:
    basket = order("CNY", [10_000] * 500)
    candidates = [candidate(f"c{at:03}", {"off": str(1 + at % 50)}, f"g{at % 5}") for at in range(100)]
    plan = best(basket, candidates)
    assert len(plan.applied) == 5
    assert plan.total == sum((Decimal(50 - group) for group in range(5)), Decimal(0))


@given(baskets, st.integers(1, 3))
def test_gifts_never_take_more_than_their_lines(basket: Basket, quantity: int) -> None:
    benefit = give([{"product_code": "P1", "quantity": quantity}], 1, basket)
    assert isinstance(benefit, Benefit)
    (gift,) = benefit.gifts
    there = sum(1 for line in basket.lines if line.product_code == "P1")
    assert gift.added == max(0, quantity - there)
    assert all(share.amount in (0, line.left.amount) for line, share in zip(basket.lines, benefit.shares, strict=True))
