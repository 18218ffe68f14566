"""Tiers as a pure replay: up at once, down at a review, the same for the same facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tercet_marketing.loyalty.tiers import Fact, Tier, TierRule, replay

ZONE = ZoneInfo("Asia/Shanghai")
TIERS = (
    Tier("silver", Decimal(100), Decimal(60), Decimal(1)),
    Tier("gold", Decimal(300), Decimal(200), Decimal("1.5")),
    Tier("black", Decimal(1000), Decimal(1000), Decimal(2)),
)


def rule(grace_days: int = 0, period: str = "QUARTER", tiers: tuple[Tier, ...] = TIERS) -> TierRule:
    return TierRule("POINTS", period, grace_days, ZONE, tiers)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def fact(text: str, amount: int, of: str | None = None) -> Fact:
    return Fact(at(text), at(of or text), Decimal(amount))


def tier(facts: list[Fact], until: str, grace_days: int = 0) -> str:
    return replay(rule(grace_days), facts, at(until)).code


def test_a_tier_begins_the_moment_it_is_reached() -> None:
    facts = [fact("2026-01-05", 99), fact("2026-02-01", 1), fact("2026-02-10", 900)]
    assert tier(facts, "2026-01-31") == ""
    assert tier(facts, "2026-02-01") == "silver"
    assert tier(facts, "2026-02-10") == "black"
    assert replay(rule(), facts, at("2026-03-01")).since == at("2026-02-10")


def test_periods_begin_anew() -> None:
    assert tier([fact("2026-03-31T23:59", 60), fact("2026-04-01T00:00", 60)], "2026-04-02") == ""


def test_a_tier_lasts_through_the_next_period_and_falls_to_what_was_kept() -> None:
    facts = [fact("2026-01-05", 400), fact("2026-05-01", 70)]
    assert tier(facts, "2026-06-30T23:59") == "gold"
    assert tier(facts, "2026-07-01") == "silver"
    assert tier(facts, "2026-10-01") == ""
    changes = replay(rule(), facts, at("2026-12-01")).changes
    assert [(one.time, one.from_code, one.to_code) for one in changes] == [
        (at("2026-01-05"), "", "gold"),
        (at("2026-07-01"), "gold", "silver"),
        (at("2026-10-01"), "silver", ""),
    ]


def test_keeping_asks_for_less_than_reaching() -> None:
    facts = [fact("2026-01-05", 400), fact("2026-05-01", 200)]
    assert tier(facts, "2026-09-30") == "gold"


def test_grace_lets_it_be_reached_late() -> None:
    facts = [fact("2026-01-05", 400), fact("2026-07-05", 200)]
    assert tier(facts, "2026-07-02") == ""
    assert tier(facts, "2026-07-09", grace_days=10) == "gold"
    assert tier(facts, "2026-07-20", grace_days=10) == "gold"
    assert tier(facts[:1], "2026-07-20", grace_days=10) == ""


def test_a_return_takes_from_the_period_of_its_purchase_but_never_at_once() -> None:
    facts = [fact("2026-01-05", 400), fact("2026-03-20", -350, of="2026-01-05")]
    assert tier(facts, "2026-03-31") == "gold"
    assert tier(facts, "2026-04-01") == ""
    later = [fact("2026-01-05", 400), fact("2026-04-20", -350, of="2026-01-05")]
    assert tier(later, "2026-06-30") == "gold"


def test_what_asks_for_nothing_is_everybodys() -> None:
    base = (Tier("member", Decimal(0), Decimal(0), Decimal(1)), *TIERS)
    assert replay(rule(tiers=base), [], at("2026-01-01")).code == "member"
    assert replay(rule(tiers=base), [fact("2026-01-05", 400)], at("2027-01-01")).code == "member"
    assert replay(rule(tiers=()), [fact("2026-01-05", 400)], at("2027-01-01")).code == ""


def test_a_review_is_due_while_a_tier_can_be_lost() -> None:
    facts = [fact("2026-01-05", 400)]
    assert replay(rule(grace_days=5), facts, at("2026-02-01")).review_time == at("2026-04-06")
    assert replay(rule(), facts, at("2026-12-01")).review_time is None


DAYS = st.integers(0, 400)
FACTS = st.lists(st.tuples(DAYS, st.integers(-200, 400)), max_size=12)
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def day_by_day(of: TierRule, facts: list[Fact], until: datetime) -> str:
    """The same told day by day, as a clerk would with a calendar."""
    codes = [""] + [one.code for one in of.tiers]
    level, last = 0, until.astimezone(ZONE).date()
    sums: dict[date, Decimal] = {}
    if not facts:
        return ""
    day = min(one.occur_time for one in facts).astimezone(ZONE).date()
    first = of.start(min(facts).period_time)
    while day <= last:
        start = date(first.year, first.month, 1)
        while start <= day:
            if of.next(start) + timedelta(days=of.grace_days) == day:
                best = max(sums.get(start, Decimal(0)), sums.get(of.next(start), Decimal(0)))
                kept = [at for at, one in enumerate(of.tiers, 1) if best >= one.keep_threshold]
                level = min(level, max(kept, default=0))
            start = of.next(start)
        for one in sorted(facts):
            if one.occur_time.astimezone(ZONE).date() == day and one.occur_time <= until:
                start = of.start(one.occur_time)
                sums[start] = sums.get(start, Decimal(0)) + one.amount
                level = max([level, *(at for at, tier in enumerate(of.tiers, 1) if sums[start] >= tier.threshold)])
        day += timedelta(days=1)
    return codes[level]


@given(FACTS, DAYS, st.sampled_from([0, 3, 20]), st.sampled_from(["MONTH", "QUARTER", "YEAR"]))
def test_the_replay_is_what_a_clerk_with_a_calendar_finds(
    moves: list[tuple[int, int]], until: int, grace_days: int, period: str
) -> None:
    facts = [Fact(START + timedelta(days=day), START + timedelta(days=day), Decimal(amount)) for day, amount in moves]
    of = rule(grace_days, period)
    assert replay(of, facts, START + timedelta(days=until)).code == day_by_day(of, facts, START + timedelta(days=until))


@given(FACTS, DAYS, DAYS)
def test_what_happened_until_a_day_does_not_change_with_what_comes_after(
    moves: list[tuple[int, int]], one: int, other: int
) -> None:
    facts = [Fact(START + timedelta(days=day), START + timedelta(days=day), Decimal(amount)) for day, amount in moves]
    earlier, later = sorted((START + timedelta(days=one), START + timedelta(days=other)))
    whole = replay(rule(), facts, later).changes
    assert replay(rule(), facts, earlier).changes == tuple(change for change in whole if change.time <= earlier)
