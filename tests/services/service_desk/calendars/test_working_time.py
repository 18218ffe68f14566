"""Working time against an oracle that looks at every single minute."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tercet_service_desk.calendars.rules import (
    AROUND_THE_CLOCK,
    Span,
    WorkingTime,
    counted,
    due,
    working_minutes,
    working_time,
)

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "America/St_Johns", "Africa/Cairo")
# Around the nights on which clocks are put forward or back somewhere, and around no such night.
STARTS = (
    datetime(2026, 3, 28, tzinfo=UTC),
    datetime(2026, 10, 24, tzinfo=UTC),
    datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 31, tzinfo=UTC),
    datetime(2026, 4, 23, tzinfo=UTC),
    datetime(2026, 10, 29, tzinfo=UTC),
    datetime(2026, 2, 13, tzinfo=UTC),
)
MINUTE = timedelta(minutes=1)


def works(calendar: WorkingTime, instant: datetime) -> bool:
    """What the wall clock and the calendar on the wall say of one minute."""
    local = instant.astimezone(calendar.zone)
    minute = local.hour * 60 + local.minute
    for day, shown in ((local.date(), minute), (local.date() - timedelta(days=1), minute + 1440)):
        hours = calendar.days.get(day, calendar.weekly[day.weekday()])
        if any(opens <= shown < closes for opens, closes in hours):
            return True
    return False


def minutes_worked(calendar: WorkingTime, begin: datetime, end: datetime, pauses: list[Span]) -> list[datetime]:
    """Every working minute between two instants, one by one."""
    found, instant = [], begin
    while instant < end:
        if works(calendar, instant) and not any(pause.begin <= instant < pause.end for pause in pauses):
            found.append(instant)
        instant += MINUTE
    return found


@st.composite
def hours(draw: st.DrawFn) -> list[tuple[int, int]]:
    marks = sorted(draw(st.lists(st.integers(0, 1440 + 480), max_size=6, unique=True)))
    return [(a, b) for a, b in zip(marks[::2], marks[1::2], strict=False) if a < 1440 and b - a <= 1440]


@st.composite
def calendars(draw: st.DrawFn, start: datetime) -> WorkingTime:
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    weekly = [draw(hours()) for _ in range(7)]
    days = draw(st.dictionaries(st.integers(-2, 6), st.one_of(st.just([]), hours()), max_size=3))
    return WorkingTime(zone, weekly, {start.date() + timedelta(days=at): special for at, special in days.items()})


@st.composite
def cases(draw: st.DrawFn) -> tuple[WorkingTime, datetime, datetime, list[Span], int]:
    start = draw(st.sampled_from(STARTS))
    begin = start + MINUTE * draw(st.integers(0, 1440))
    end = begin + MINUTE * draw(st.integers(0, 3 * 1440))
    pauses = []
    for at, length in draw(st.lists(st.tuples(st.integers(-300, 2000), st.integers(0, 900)), max_size=3)):
        pauses.append(Span(begin + MINUTE * at, begin + MINUTE * (at + length)))
    return draw(calendars(start)), begin, end, pauses, draw(st.integers(1, 1500))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_working_time_and_due_equal_the_minute_by_minute_oracle(
    case: tuple[WorkingTime, datetime, datetime, list[Span], int],
) -> None:
    calendar, begin, end, pauses, target = case
    oracle = minutes_worked(calendar, begin, end, pauses)
    assert working_minutes(calendar, begin, end, pauses) == len(oracle)
    assert working_time(calendar, begin, end, pauses) == MINUTE * len(oracle)
    if target <= len(oracle):
        assert due(calendar, begin, target, pauses) == oracle[target - 1] + MINUTE
    else:
        found = due(calendar, begin, target, pauses)
        assert found is None or found > end
    assert sum((span.end - span.begin for span in counted(calendar, begin, end, pauses)), timedelta()) == (
        MINUTE * len(oracle)
    )


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(0, 59_999_999), st.integers(1, 5000))
@example((AROUND_THE_CLOCK, STARTS[0], STARTS[0], [], 1), 0, 1)
def test_due_is_the_first_instant_with_the_minutes_worked(
    case: tuple[WorkingTime, datetime, datetime, list[Span], int], micros: int, target: int
) -> None:
    calendar, begin, _, pauses, _ = case
    begin += timedelta(microseconds=micros)
    found = due(calendar, begin, target, pauses)
    if found is not None:
        assert working_time(calendar, begin, found, pauses) == MINUTE * target
        just_before = found - timedelta(microseconds=1)
        assert working_time(calendar, begin, just_before, pauses) < MINUTE * target


def test_chinese_new_year_with_its_make_up_saturday() -> None:
    nine_to_six = [(9 * 60, 12 * 60), (13 * 60, 18 * 60)]
    holidays: dict[date, list[tuple[int, int]]] = {date(2026, 2, day): [] for day in range(15, 24)}
    days = {**holidays, date(2026, 2, 14): nine_to_six}
    calendar = WorkingTime(ZoneInfo("Asia/Shanghai"), [nine_to_six] * 5 + [[], []], days)
    friday_at_five = datetime(2026, 2, 13, 17, tzinfo=ZoneInfo("Asia/Shanghai"))
    # One hour on Friday, eight on the Saturday that is worked, one on the first Tuesday after the holidays.
    assert due(calendar, friday_at_five, 600) == datetime(2026, 2, 24, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(("month", "day", "expected"), [(3, 29, 7), (10, 25, 9)])
def test_a_night_shift_is_shorter_or_longer_when_clocks_change(month: int, day: int, expected: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    calendar = WorkingTime(berlin, [[(22 * 60, 30 * 60)]] * 7)
    end = datetime(2026, month, day, 12, tzinfo=berlin)
    begin = (end - timedelta(days=1)).replace(tzinfo=berlin)
    assert working_time(calendar, begin, end) == timedelta(hours=expected)


def test_a_calendar_without_hours_has_no_due_time() -> None:
    assert due(WorkingTime(ZoneInfo("UTC"), [[]] * 7), STARTS[0], 1) is None


def test_a_due_time_a_year_ahead_takes_no_minute_loop() -> None:
    calendar = WorkingTime(ZoneInfo("Europe/Berlin"), [[(540, 720), (780, 1080)]] * 5 + [[], []])
    year = 52 * 5 * 480
    best = 1.0
    for _ in range(5):
        fresh = WorkingTime(calendar.zone, calendar.weekly)
        begun = time.perf_counter()
        assert due(fresh, STARTS[0], year) is not None
        best = min(best, time.perf_counter() - begun)
    assert best < 0.02
    assert due(calendar, STARTS[0], year) is not None
    warm = time.perf_counter()
    due(calendar, STARTS[0], year)
    assert time.perf_counter() - warm < 0.01
