"""Which numbers count for whom, and how long what was issued can be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_marketing.policies.rules import Limits, Standing, period, resolved

NOON = datetime(2026, 3, 28, 4, 0, tzinfo=UTC)  # noon in Shanghai


def test_the_first_row_that_fits_counts() -> None:
    rows = [
        {"tier_code": "gold", "quadrant": "HIGH_HIGH", "numbers": {"off": "50"}},
        {"tier_code": "gold", "numbers": {"off": "30"}},
        {"quadrant": "HIGH_HIGH", "numbers": {"off": None, "percent": "10"}},
    ]
    base = {"off": "10", "threshold": "100"}

    def off(*tiers: str, quadrants: tuple[str, ...] = ()) -> dict[str, str]:
        return resolved(base, rows, Standing(frozenset(tiers), frozenset(quadrants)))

    assert off() == base
    assert off("silver") == base
    assert off("gold")["off"] == "30"
    assert off("gold", quadrants=("HIGH_HIGH",))["off"] == "50"
    assert off(quadrants=("HIGH_HIGH",)) == {"percent": "10", "threshold": "100"}


@pytest.mark.parametrize(
    ("validity", "zone", "start", "end"),
    [
        (None, "Asia/Shanghai", None, None),
        ({"days": 1}, "Asia/Shanghai", None, "2026-03-28T16:00:00+00:00"),
        ({"days": 7}, "Asia/Shanghai", None, "2026-04-03T16:00:00+00:00"),
        # The clocks go forward on the 29th: the day is an hour shorter.
        ({"days": 2}, "Europe/Berlin", None, "2026-03-29T22:00:00+00:00"),
        ({"days": 1}, "America/Los_Angeles", None, "2026-03-28T07:00:00+00:00"),
        (
            {"days": 3, "starts_after_days": 1},
            "Asia/Shanghai",
            "2026-03-28T16:00:00+00:00",
            "2026-03-31T16:00:00+00:00",
        ),
        ({"days": 30, "end_time": "2026-04-01T00:00:00Z"}, "Asia/Shanghai", None, "2026-04-01T00:00:00+00:00"),
    ],
)
def test_days_are_calendar_days_of_the_recipient(
    validity: dict[str, object] | None, zone: str, start: str | None, end: str | None
) -> None:
    found = period(validity, NOON, zone)
    assert [None if moment is None else moment.isoformat() for moment in found] == [start, end]


@given(st.integers(0, 6 * 366 * 24 * 60), st.integers(1, 400))
def test_so_many_days_last_that_long_less_the_part_of_the_first(minute: int, days: int) -> None:
    issued = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    _, end = period({"days": days}, issued, "Europe/Berlin")
    assert end is not None
    assert timedelta(days=days - 1, hours=-1) < end - issued <= timedelta(days=days, hours=1)


def test_limits_that_are_left_out_do_not_limit() -> None:
    assert not Limits.of(None)
    assert Limits.of({"total": 100.0}) == Limits(total=100)
