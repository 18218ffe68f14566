"""Arbitration: one decision for one input, caps and exclusions that hold, and a reason for each."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tercet_marketing.sends.rules import MARKETING, TRANSACTION, Window
from tercet_marketing.strategies.rules import (
    CHOSEN,
    DEFERRED,
    HELD_OUT,
    OF_ALL,
    OF_PURPOSE,
    OF_STRATEGY,
    WITHHELD,
    Cap,
    Decision,
    Past,
    Standing,
    Wish,
    decide,
    is_held_out,
)

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)  # noon in Shanghai
WANG = Standing("wang", "Asia/Shanghai", allowed={MARKETING: frozenset({"sms", "email"})})


def only(standing: Standing, wish: Wish, now: datetime = NOW) -> Decision:
    (decision,) = decide(standing, [wish], now)
    return decision


def past(code: str, days: float, purpose: str = MARKETING, group: str = "") -> Past:
    return Past(code, purpose, group, NOW - timedelta(days=days))


def test_the_higher_priority_takes_the_exclusion_group() -> None:
    low = Wish("welcome", "1", priority=1, exclusion_group="gift")
    high = Wish("birthday", "1", priority=5, exclusion_group="gift")
    first, second = decide(WANG, [low, high], NOW)
    assert (first.wish, first.outcome) == (high, CHOSEN)
    assert (second.wish, second.outcome, second.reason) == (low, WITHHELD, "EXCLUSION")
    assert second.checks[-1].detail == "gift went to birthday"


@pytest.mark.parametrize(
    ("wish", "standing", "outcome", "reason"),
    [
        (Wish("a", "1", end_date=date(2026, 3, 9)), WANG, WITHHELD, "PERIOD"),
        (Wish("a", "1", begin_date=date(2026, 3, 10), end_date=date(2026, 3, 10)), WANG, CHOSEN, ""),
        (Wish("a", "1"), Standing("wang", "UTC", past=(past("a", 400),)), WITHHELD, "REENTRY"),
        (Wish("a", "1", reentry_days=30), Standing("wang", "UTC", past=(past("a", 30),)), CHOSEN, ""),
        (Wish("a", "1", reentry_days=30), Standing("wang", "UTC", past=(past("a", 29.9),)), WITHHELD, "REENTRY"),
        (Wish("a", "1"), Standing("wang", "UTC", left_alone=frozenset({MARKETING})), WITHHELD, "DO_NOT_DISTURB"),
        (Wish("a", "1", purpose=TRANSACTION), Standing("wang", "UTC", left_alone=frozenset({MARKETING})), CHOSEN, ""),
        (Wish("a", "1", channel_codes=("wechat", "push")), WANG, WITHHELD, "CHANNEL"),
        (
            Wish("a", "1", excluded_segments=frozenset({"staff"})),
            Standing("wang", "UTC", segments=frozenset({"staff"})),
            WITHHELD,
            "AUDIENCE",
        ),
    ],
)
def test_each_check_withholds_for_its_reason(wish: Wish, standing: Standing, outcome: str, reason: str) -> None:
    decision = only(standing, wish)
    assert (decision.outcome, decision.reason) == (outcome, reason)


def test_the_first_channel_that_is_open_is_taken() -> None:
    assert only(WANG, Wish("a", "1", channel_codes=("wechat", "email", "sms"))).channel_code == "email"


@pytest.mark.parametrize(
    ("cap", "outcome"),
    [
        (Cap(7, 2, OF_STRATEGY), CHOSEN),
        (Cap(7, 2, OF_PURPOSE), WITHHELD),
        (Cap(7, 3, OF_PURPOSE), CHOSEN),
        (Cap(7, 3, OF_ALL), WITHHELD),
        (Cap(1, 1, OF_ALL), CHOSEN),
    ],
)
def test_a_cap_counts_what_it_is_for_within_its_days(cap: Cap, outcome: str) -> None:
    had = (past("b", 2), past("c", 3), past("d", 4, TRANSACTION), past("e", 8))
    assert only(Standing("wang", "UTC", past=had), Wish("a", "1", caps=(cap,))).outcome == outcome


@pytest.mark.parametrize(
    ("begin", "end", "local", "until"),
    [
        (time(22), time(8), "2026-03-10T23:00", "2026-03-11T08:00"),
        (time(22), time(8), "2026-03-11T07:59", "2026-03-11T08:00"),
        (time(22), time(8), "2026-03-11T08:00", None),
        (time(12), time(14), "2026-03-10T13:00", "2026-03-10T14:00"),
        (time(12), time(14), "2026-03-10T11:59", None),
    ],
)
def test_quiet_hours_are_those_of_the_recipient(begin: time, end: time, local: str, until: str | None) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now = datetime.fromisoformat(local).replace(tzinfo=zone)
    decision = only(WANG, Wish("a", "1", quiet_hours=Window(begin, end)), now)
    expected = datetime.fromisoformat(until).replace(tzinfo=zone) if until else None
    assert (decision.outcome, decision.due_time) == (DEFERRED if until else CHOSEN, expected)


def test_the_end_of_quiet_hours_is_right_in_the_night_that_the_clocks_change() -> None:
    night = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # 23:30 in Berlin, summer time begins at 2
    decision = only(Standing("anna", "Europe/Berlin"), Wish("a", "1", quiet_hours=Window(time(22), time(8))), night)
    assert decision.due_time == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_what_belongs_to_a_deal_passes_quiet_hours() -> None:
    wish = Wish("a", "1", purpose=TRANSACTION, quiet_hours=Window(time(0), time(23, 59)))
    assert only(WANG, wish).outcome == CHOSEN


def test_the_same_customers_are_always_held_out_and_about_as_many_as_asked() -> None:
    share = Decimal("0.1")
    held = [is_held_out("welcome", f"party-{number}", share) for number in range(20_000)]
    assert held == [is_held_out("welcome", f"party-{number}", share) for number in range(20_000)]
    assert 1_850 < sum(held) < 2_150
    other = [is_held_out("birthday", f"party-{number}", share) for number in range(20_000)]
    assert sum(a and b for a, b in zip(held, other, strict=True)) < 300, "each strategy draws its own"


def test_who_is_held_out_leaves_room_for_others() -> None:
    held = next(n for n in range(1_000) if is_held_out("first", f"p{n}", Decimal("0.5")))
    wishes = [
        Wish("first", "1", priority=9, exclusion_group="gift", holdout=Decimal("0.5")),
        Wish("second", "1", exclusion_group="gift"),
    ]
    assert [each.outcome for each in decide(Standing(f"p{held}", "UTC"), wishes, NOW)] == [HELD_OUT, CHOSEN]


_wishes = st.lists(
    st.builds(
        Wish,
        strategy_code=st.sampled_from("abcdef"),
        occasion=st.sampled_from("123"),
        priority=st.integers(0, 2),
        channel_codes=st.sampled_from([(), ("sms",), ("wechat", "email")]),
        exclusion_group=st.sampled_from(["", "g", "h"]),
        reentry_days=st.sampled_from([None, 0, 30]),
        holdout=st.sampled_from([Decimal(0), Decimal("0.3")]),
        caps=st.lists(st.builds(Cap, st.integers(1, 9), st.integers(1, 3), st.sampled_from([OF_STRATEGY, OF_ALL]))).map(
            tuple
        ),
        quiet_hours=st.sampled_from([None, Window(time(11), time(13))]),
    ),
    max_size=12,
    unique_by=lambda wish: (wish.strategy_code, wish.occasion),
)

# A busy machine draws slowly; that says nothing of the rules.
_SETTINGS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_SETTINGS
@given(_wishes, st.randoms(use_true_random=False))
def test_the_order_in_which_strategies_come_changes_nothing(wishes: list[Wish], random: object) -> None:
    shuffled = list(wishes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(WANG, wishes, NOW) == decide(WANG, shuffled, NOW)


@_SETTINGS
@given(_wishes)
def test_no_cap_or_group_is_broken_by_what_is_chosen_together(wishes: list[Wish]) -> None:
    chosen = [each.wish for each in decide(WANG, wishes, NOW) if each.outcome == CHOSEN]
    for group in "gh":
        assert len({wish.strategy_code for wish in chosen if wish.exclusion_group == group}) <= 1
    for at, wish in enumerate(chosen):
        before = chosen[:at]
        for cap in wish.caps:
            same = [one for one in before if cap.of == OF_ALL or one.strategy_code == wish.strategy_code]
            assert len(same) < cap.most


@_SETTINGS
@given(_wishes)
def test_every_decision_says_why(wishes: list[Wish]) -> None:
    for decision in decide(WANG, wishes, NOW):
        assert all(check.passed for check in decision.checks[:-1])
        assert (decision.outcome == CHOSEN) == all(check.passed for check in decision.checks)
        assert (decision.outcome == CHOSEN) != bool(decision.reason)
