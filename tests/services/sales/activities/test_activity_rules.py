"""What is overdue, and the order of a day's work."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tercet_sales.activities.errors import ActivityCanceled, ActivityNotOpen, DoneInFuture
from tercet_sales.activities.model import Activity
from tercet_sales.activities.rules import Due, added_text, end_of_day, is_overdue, merged, the_day

NOW = datetime(2026, 3, 15, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(**values: object) -> Activity:
    activity = Activity(**{"kind": "CALL", "title": "回访", **values})
    activity.begin(NOW)
    return activity


def done(activity: Activity, when: datetime = NOW, **values: object) -> Activity:
    said: dict[str, object] = {
        "outcome_code": None,
        "text": "",
        "intent_level": None,
        "key_events": [],
        "next_step": None,
        "next_due_time": None,
    }
    activity.complete(when, NOW, **{**said, **values})  # type: ignore[arg-type]
    return activity


@pytest.mark.parametrize(
    ("state", "due", "overdue"),
    [
        ("OPEN", NOW - MINUTE, True),
        ("OPEN", NOW, False),
        ("OPEN", None, False),
        ("DONE", NOW - MINUTE, False),
        ("CANCELED", NOW - MINUTE, False),
    ],
)
def test_only_what_is_open_and_past_its_time_is_overdue(state: str, due: datetime | None, overdue: bool) -> None:
    assert is_overdue(state, due, NOW) == overdue


def test_a_day_ends_where_its_zone_says() -> None:
    assert end_of_day(date(2026, 3, 15), ZoneInfo("Asia/Shanghai")) == datetime(2026, 3, 15, 16, tzinfo=UTC)
    # The day on which clocks go forward has 23 hours.
    berlin = ZoneInfo("Europe/Berlin")
    assert end_of_day(date(2026, 3, 29), berlin) - end_of_day(date(2026, 3, 28), berlin) in (
        timedelta(hours=23),
        timedelta(days=1),
    )
    assert end_of_day(date(2026, 3, 29), berlin).astimezone(UTC) == datetime(2026, 3, 29, 22, tzinfo=UTC)


def test_overdue_comes_first_then_what_is_due_and_equal_times_go_by_age() -> None:
    until = NOW + timedelta(hours=5)
    items = [
        Due("later", NOW + timedelta(hours=2)),
        Due("b", NOW - MINUTE),
        Due("a", NOW - MINUTE),
        Due("old", NOW - timedelta(days=3)),
        Due("tomorrow", until),
        Due("now", NOW),
    ]
    day = the_day(reversed(items), NOW, until)
    assert [item.id for item in day.overdue] == ["old", "a", "b"]
    assert [item.id for item in day.due] == ["now", "later"]


def test_what_came_of_it_is_added_to_what_was_written() -> None:
    assert added_text("电话沟通", "约定下周演示") == "电话沟通\n约定下周演示"
    assert added_text(None, "") is None
    assert merged(["demo"], ["budget", "demo"]) == ["demo", "budget"]


def test_it_is_done_once_and_never_in_the_future() -> None:
    activity = done(task(text="准备资料"), NOW - MINUTE, text="客户满意", intent_level=4, key_events=["demo"])
    assert (activity.state, activity.done_time, activity.text, activity.intent_level) == (
        "DONE",
        NOW - MINUTE,
        "准备资料\n客户满意",
        4,
    )
    with pytest.raises(ActivityNotOpen):
        done(activity)
    with pytest.raises(ActivityNotOpen):
        activity.cancel()
    with pytest.raises(DoneInFuture):
        done(task(), NOW + timedelta(hours=1))


def test_a_clock_that_runs_a_little_ahead_is_taken_as_now() -> None:
    assert done(task(), NOW + timedelta(minutes=4)).done_time == NOW


def test_the_next_step_becomes_one_task_about_the_same() -> None:
    subject = {"service": "sales", "type": "opportunity", "id": "01900000-0000-7000-8000-000000000001"}
    activity = done(task(subject=subject), next_step="发报价", next_due_time=NOW + timedelta(days=2))
    follow = activity.follow_up()
    assert follow is not None
    assert (follow.kind, follow.title, follow.subject, follow.due_time) == (
        "TASK",
        "发报价",
        subject,
        NOW + timedelta(days=2),
    )
    assert activity.next_activity_id == follow.id
    assert activity.follow_up() is None
    assert task(next_due_time=NOW).follow_up() is None


def test_a_cancelled_activity_is_no_longer_changed() -> None:
    activity = task()
    activity.cancel()
    with pytest.raises(ActivityCanceled):
        activity.check_editable()


def test_a_reminder_is_due_once_and_only_while_open() -> None:
    activity = task(remind_time=NOW)
    assert activity.reminder_due() == NOW
    activity.reminded_time = NOW
    assert activity.reminder_due() is None
    activity.remind_time = NOW + MINUTE
    assert activity.reminder_due() == NOW + MINUTE
    assert done(activity).reminder_due() is None
