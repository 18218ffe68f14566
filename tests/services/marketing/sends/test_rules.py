"""Quiet hours, limits and pauses without a database, against the plainest oracle."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tercet_chassis.ids import new_id
from tercet_marketing.sends.rules import (
    Cap,
    Reached,
    Window,
    cap_hit,
    chosen_point,
    delay_after,
    minute_of,
    quiet_until,
)

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Asia/Kathmandu")
minutes = st.integers(0, 1439).map(lambda minute: time(minute // 60, minute % 60))
purposes, codes = st.sampled_from(["", "MARKETING", "SERVICE"]), st.sampled_from(["", "sms"])
windows = st.builds(Window, minutes, minutes, purposes, codes)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001  the zone comes next
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)


def quiet_at(hours: list[Window], purpose: str, channel: str, zone: ZoneInfo, moment: datetime) -> bool:
    """The oracle: is this one minute inside of quiet hours?"""
    clock = moment.astimezone(zone).time().replace(second=0)
    for window in hours:
        if not window.holds_for(purpose, channel) or window.start == window.end:
            continue
        inside = (
            window.start <= clock < window.end
            if window.start < window.end
            else clock >= window.start or clock < window.end
        )
        if inside:
            return True
    return False


@settings(max_examples=200, deadline=None)
@given(st.lists(windows, max_size=3), moments, st.sampled_from(ZONES), st.sampled_from(["MARKETING", "SERVICE"]))
def test_quiet_hours_equal_a_look_at_every_minute(
    hours: list[Window], moment: datetime, name: str, purpose: str
) -> None:
    zone = ZoneInfo(name)
    hours = [window for window in hours if window.start != window.end]
    found = quiet_until(hours, purpose, "sms", zone, moment)
    if found is None:
        assert not quiet_at(hours, purpose, "sms", zone, moment)
        return
    assert found > moment
    first = next(
        (
            later
            for step in range(3 * 1440)
            if not quiet_at(hours, purpose, "sms", zone, later := moment + timedelta(minutes=step))
        ),
        None,
    )
    if first is not None:
        # Where clocks are put back, an hour comes twice and is quiet twice: waiting through both is right too.
        assert timedelta(0) <= found - first <= timedelta(hours=1) or found == first
        assert found - first == timedelta(0) or zone.utcoffset(found) != zone.utcoffset(moment)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-22T13:00+00:00", "2026-11-23T00:00+00:00"),  # 21:00 in Shanghai: until 8 in the morning
        ("2026-11-22T23:59+00:00", "2026-11-23T00:00+00:00"),
        ("2026-11-23T00:00+00:00", None),
        ("2026-11-22T12:59+00:00", None),
    ],
)
def test_a_night_in_shanghai(moment: str, until: str | None) -> None:
    night = [Window(time(21), time(8))]
    found = quiet_until(night, "MARKETING", "sms", ZoneInfo("Asia/Shanghai"), datetime.fromisoformat(moment))
    assert found == (None if until is None else datetime.fromisoformat(until))
    assert quiet_until(night, "TRANSACTION", "sms", ZoneInfo("Asia/Shanghai"), datetime.fromisoformat(moment)) is None


def test_hours_that_join_are_waited_for_together_and_a_whole_day_ends() -> None:
    zone, noon = ZoneInfo("UTC"), datetime(2026, 1, 1, 12, tzinfo=UTC)
    joined = [Window(time(11), time(14)), Window(time(14), time(16))]
    assert quiet_until(joined, "MARKETING", "sms", zone, noon) == noon.replace(hour=16)
    always = [Window(time(0), time(12)), Window(time(12), time(0))]
    found = quiet_until(always, "MARKETING", "sms", zone, noon)
    assert found is not None
    assert found > noon


def test_a_night_in_which_clocks_are_put_forward() -> None:
    # 2026-03-29 02:30 does not exist in Berlin: the night ends when that would have been.
    night, berlin = [Window(time(22), time(2, 30))], ZoneInfo("Europe/Berlin")
    found = quiet_until(night, "MARKETING", "sms", berlin, datetime(2026, 3, 28, 23, 0, tzinfo=UTC))
    assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(["sms", "email"]), st.sampled_from(["MARKETING", "SERVICE"]), st.integers(0, 60))
    ),
    st.integers(1, 4),
    st.integers(1, 48),
    st.sampled_from(["", "sms"]),
)
def test_a_cap_counts_what_it_names_and_nothing_else(
    past: list[tuple[str, str, int]], most: int, hours: int, channel: str
) -> None:
    now, party = datetime(2026, 1, 10, tzinfo=UTC), new_id()
    reached = [Reached(party, code, purpose, now - timedelta(hours=ago)) for code, purpose, ago in past]
    cap = Cap("c", "MARKETING", channel, most, timedelta(hours=hours))
    named = [ago for code, purpose, ago in past if purpose == "MARKETING" and channel in ("", code)]
    counted = sum(1 for ago in named if ago < hours)
    assert bool(cap_hit([cap], reached, "MARKETING", "sms", now)) == (counted >= most)
    assert cap_hit([cap], reached, "SERVICE", "sms", now) == ""
    if channel:
        assert cap_hit([cap], reached, "MARKETING", "email", now) == ""


def test_pauses_grow_and_end() -> None:
    id = UUID(int=500)
    pauses = [delay_after(number, id) for number in range(1, 12)]
    known = [pause for pause in pauses if pause is not None]
    assert known == sorted(known)
    assert pauses[8:] == [None, None, None]
    assert timedelta(hours=7) < sum(known, timedelta()) < timedelta(hours=10)


def test_the_first_contact_point_of_the_kind_is_chosen() -> None:
    points = [
        {"kind": "PHONE", "value": "1"},
        {"kind": "ACCOUNT", "value": "a", "platform": "weibo"},
        {"kind": "ACCOUNT", "value": "b", "platform": "WeChat"},
    ]
    assert chosen_point(points, "ACCOUNT", "wechat") == points[2]
    assert chosen_point(points, "EMAIL", "") is None


def test_what_waits_is_looked_at_at_full_minutes() -> None:
    assert minute_of(datetime(2026, 1, 1, 8, 0, 0, 1, tzinfo=UTC)) == datetime(2026, 1, 1, 8, 1, tzinfo=UTC)
    assert minute_of(datetime(2026, 1, 1, 8, 0, tzinfo=UTC)) == datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
