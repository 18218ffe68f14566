"""Profiles are put together the same from the same parts, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.money import Money
from tercet_marketing.profiles import rules

START = datetime(2026, 1, 1, tzinfo=UTC)


def lead(id: str, day: int, **more: Any) -> dict[str, Any]:
    moment = (START + timedelta(days=day)).isoformat()
    touch = {"source_code": f"s{id}", "touch_time": moment}
    return {
        "type": "LEAD",
        "id": id,
        "time": moment,
        "contact_points": [],
        "first_touch": touch,
        "last_touch": touch,
        "state": "OPEN",
        **more,
    }


def customer(id: str, day: int, **more: Any) -> dict[str, Any]:
    moment = (START + timedelta(days=day)).isoformat()
    return {"type": "CUSTOMER", "id": id, "time": moment, "contact_points": [], "display_name": f"客户{id}", **more}


def phone(value: str) -> dict[str, str]:
    return {"kind": "PHONE", "value": value}


def test_latest_customer_speaks_before_leads_and_gaps_are_filled() -> None:
    facts = rules.assembled(
        [
            lead("1", 5, display_name="王芳", kind="PERSON", contact_points=[phone("+8613800000001")]),
            customer("2", 1, contact_points=[phone("+86 138 0000 0001"), phone("+8613900000002")], unit_id="u1"),
            lead("3", 9, display_name="王小芳", unit_id="u9"),
        ]
    )
    assert (facts.display_name, facts.kind, facts.unit_id) == ("客户2", "PERSON", "u1")
    assert (facts.customer_id, facts.lead_id) == ("2", "3")
    assert [point["value"] for point in facts.contact_points] == ["+86 138 0000 0001", "+8613900000002"]
    assert facts.first_touch is not None
    assert facts.last_touch is not None
    assert (facts.first_touch["source_code"], facts.last_touch["source_code"]) == ("s1", "s3")


def test_a_removed_source_contributes_nothing() -> None:
    facts = rules.assembled([lead("1", 1, display_name="王芳", removed=True)])
    assert facts == rules.Facts()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=8), st.randoms(use_true_random=False))
def test_order_of_sources_does_not_matter(parts: list[tuple[bool, int]], chance: Any) -> None:
    sources = [
        (customer if is_customer else lead)(str(number), day, contact_points=[phone(f"+86{day}")])
        for number, (is_customer, day) in enumerate(parts)
    ]
    shuffled = list(sources)
    chance.shuffle(shuffled)
    assert rules.assembled(sources) == rules.assembled(shuffled)


rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["CNY", "USD"]), st.integers(1, 9999), st.integers(0, 9999)),
    max_size=10,
)


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_purchases_equal_counting_by_hand_and_currencies_stay_apart(
    sold: list[tuple[str, str, int, int]], chance: Any
) -> None:
    facts: list[tuple[str, datetime, Money]] = []
    oracle: dict[str, Decimal] = {}
    kept: list[datetime] = []
    for number, (_, currency, cents, back) in enumerate(sold):
        sale, when = f"sale{number}", START + timedelta(days=number)
        facts.append((sale, when, Money(Decimal(cents) / 100, currency)))
        back = min(back, cents)
        if back:
            facts.append((sale, when, Money(-Decimal(back) / 100, currency)))
        if cents > back:
            oracle[currency] = oracle.get(currency, Decimal(0)) + Decimal(cents - back) / 100
            kept.append(when)
    chance.shuffle(facts)
    found = rules.purchases_of(facts)
    assert {amount.currency: amount.amount for amount in found.spent} == oracle
    assert found.order_count == len(kept)
    assert (found.first_time, found.last_time) == (min(kept, default=None), max(kept, default=None))


def consent(state: str, day: int, value: str = "+8613800000001", purpose: str = "MARKETING") -> dict[str, Any]:
    return {
        "contact_point": phone(value),
        "purpose": purpose,
        "state": state,
        "decide_time": (START + timedelta(days=day)).isoformat(),
    }


def test_an_older_decision_changes_nothing() -> None:
    known = [consent("DENIED", 5)]
    assert rules.decided(known, consent("GRANTED", 4)) is None
    assert rules.decided(known, consent("GRANTED", 5)) is None
    assert rules.decided(known, consent("GRANTED", 6, value="+86 138-0000-0001")) == [
        consent("GRANTED", 6, value="+86 138-0000-0001")
    ]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["GRANTED", "DENIED"]), st.integers(0, 5)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_decisions_end_the_same_in_any_order(decisions: list[tuple[str, int]], chance: Any) -> None:
    def run(items: list[tuple[str, int]]) -> list[tuple[str, str]]:
        known: list[dict[str, Any]] = []
        for state, day in items:
            known = rules.decided(known, consent(state, day)) or known
        return [(each["state"], each["decide_time"]) for each in known]

    shuffled = list(decisions)
    chance.shuffle(shuffled)
    assert run(decisions) == run(shuffled)


def test_a_refusal_of_any_member_holds_for_the_party() -> None:
    members = [consent("GRANTED", 9), consent("DENIED", 1), consent("GRANTED", 2, purpose="SERVICE")]
    assert [(each["purpose"], each["state"]) for each in rules.strictest(members)] == [
        ("MARKETING", "DENIED"),
        ("SERVICE", "GRANTED"),
    ]


def test_the_value_of_the_latest_period_is_shown_as_it_was_told_last() -> None:
    def value(unit: str, start: str, told: str, quadrant: str) -> dict[str, Any]:
        return {"unit_id": unit, "period_start_date": start, "told": told, "quadrant": quadrant}

    found = rules.latest_values(
        [
            value("u1", "2025-01-01", "2026-05-01T00:00:00Z", "CORE"),
            value("u1", "2026-01-01", "2026-02-01T00:00:00.500000Z", "FREQUENT"),
            value("u1", "2026-01-01", "2026-02-01T00:00:00Z", "OCCASIONAL"),
            value("u2", "2025-01-01", "2025-02-01T00:00:00Z", "BIG_TICKET"),
        ]
    )
    assert [(each["unit_id"], each["quadrant"]) for each in found] == [("u1", "FREQUENT"), ("u2", "BIG_TICKET")]
    assert all("told" not in each for each in found)


def test_lifecycle_goes_by_what_they_did() -> None:
    stages = [rules.lifecycle(False, False, 0), rules.lifecycle(True, False, 0), rules.lifecycle(True, True, 0)]
    assert stages == [None, "LEAD", "PROSPECT"]
    assert [rules.lifecycle(True, False, 1), rules.lifecycle(True, True, 2)] == ["FIRST_BUYER", "REPEAT_BUYER"]
    assert rules.furthest(["LEAD", None, "FIRST_BUYER", "PROSPECT"]) == "FIRST_BUYER"
