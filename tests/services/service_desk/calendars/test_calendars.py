"""Calendars on the real service: what is kept and what is refused, naming the field."""

from __future__ import annotations

from typing import Any

import pytest

from tercet.servicedesk.v1 import calendar_service_pb2 as pb
from tercet_chassis.testing import Client, refused

MORNING = pb.WorkingHours(weekday=pb.MONDAY, opens="09:00", closes="12:00")
AFTERNOON = pb.WorkingHours(weekday=pb.MONDAY, opens="13:00", closes="18:00")
SPRING = pb.SpecialDay(begin_date="2026-02-15", end_date="2026-02-23", kind=pb.SpecialDay.HOLIDAY, title="春节")


def calendar(**values: Any) -> pb.Calendar:
    given: dict[str, Any] = {
        "code": "office",
        "display_name": "办公时间 Office",
        "zone": "Asia/Shanghai",
        "weekly_hours": [MORNING, AFTERNOON],
        **values,
    }
    return pb.Calendar(**given)


async def create(desk: Client, **values: Any) -> pb.Calendar:
    made: pb.Calendar = await desk.CreateCalendar(pb.CreateCalendarRequest(calendar=calendar(**values)))
    return made


async def test_calendar_is_kept_changed_and_deleted(service_desk: Client) -> None:
    workday = pb.SpecialDay(begin_date="2026-02-14", kind=pb.SpecialDay.WORKDAY, title="调休")
    made = await create(service_desk, special_days=[SPRING, workday])
    assert [day.title for day in made.special_days] == ["春节", "调休"]
    changed = await service_desk.UpdateCalendar(
        pb.UpdateCalendarRequest(
            calendar=pb.Calendar(id=made.id, zone="Asia/Kathmandu"), update_mask={"paths": ["zone"]}
        )
    )
    assert (changed.zone, len(changed.weekly_hours)) == ("Asia/Kathmandu", 2)
    await service_desk.DeleteCalendar(pb.DeleteCalendarRequest(id=made.id))
    with refused("RESOURCE_NOT_FOUND"):
        await service_desk.GetCalendar(pb.GetCalendarRequest(id=made.id))


async def test_code_is_unique(service_desk: Client) -> None:
    await create(service_desk)
    with refused("RESOURCE_ALREADY_EXISTS", "calendar.code"):
        await create(service_desk)


def hours(weekday: Any, opens: str, closes: str) -> pb.WorkingHours:
    return pb.WorkingHours(weekday=weekday, opens=opens, closes=closes)


def special(kind: Any, begin: str, end: str = "", **values: Any) -> pb.SpecialDay:
    return pb.SpecialDay(kind=kind, begin_date=begin, end_date=end, **values)


HOURS, WORKDAY = pb.SpecialDay.HOURS, pb.SpecialDay.WORKDAY


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"zone": "Asia/Atlantis"}, "CALENDAR_ZONE_UNKNOWN", "calendar.zone"),
        (
            {"weekly_hours": [MORNING, hours(pb.TUESDAY, "18:00", "09:00")]},
            "WORKING_HOURS_INVALID",
            "calendar.weekly_hours[1].closes",
        ),
        (
            {"weekly_hours": [MORNING, hours(pb.MONDAY, "11:59", "12:30")]},
            "WORKING_HOURS_OVERLAP",
            "calendar.weekly_hours[1].opens",
        ),
        (
            {"weekly_hours": [hours(pb.SUNDAY, "22:00", "33:00"), hours(pb.MONDAY, "08:00", "12:00")]},
            "WORKING_HOURS_OVERLAP",
            "calendar.weekly_hours[1].opens",
        ),
        (
            {"special_days": [special(pb.SpecialDay.HOLIDAY, "2026-02-23", "2026-02-15")]},
            "WORKING_HOURS_INVALID",
            "calendar.special_days[0].end_date",
        ),
        (
            {"special_days": [SPRING, special(HOURS, "2026-03-20")]},
            "WORKING_HOURS_INVALID",
            "calendar.special_days[1].hours",
        ),
        (
            {"special_days": [SPRING, special(pb.SpecialDay.HOLIDAY, "2026-02-20")]},
            "WORKING_HOURS_INVALID",
            "calendar.special_days[1].begin_date",
        ),
        (
            {"special_days": [special(pb.SpecialDay.HOLIDAY, "2026-02-30")]},
            "WORKING_HOURS_INVALID",
            "calendar.special_days[0].begin_date",
        ),
        (
            {"special_days": [special(WORKDAY, "2026-02-14", weekday=pb.SATURDAY)]},
            "WORKING_HOURS_INVALID",
            "calendar.special_days[0].weekday",
        ),
        (
            {
                "special_days": [
                    special(
                        HOURS,
                        "2026-02-14",
                        hours=[pb.DayHours(opens="09:00", closes="12:00"), pb.DayHours(opens="11:00", closes="13:00")],
                    )
                ]
            },
            "WORKING_HOURS_OVERLAP",
            "calendar.special_days[0].hours[1].opens",
        ),
    ],
)
async def test_what_is_no_calendar_is_refused_by_its_field(
    service_desk: Client, values: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field):
        await create(service_desk, **values)


async def test_an_edit_is_checked_like_a_new_calendar(service_desk: Client) -> None:
    made = await create(service_desk)
    with refused("CALENDAR_ZONE_UNKNOWN", "calendar.zone"):
        await service_desk.UpdateCalendar(
            pb.UpdateCalendarRequest(calendar=pb.Calendar(id=made.id, zone="Mars/Utopia"))
        )


async def test_night_shift_and_several_intervals_a_day_are_kept(service_desk: Client) -> None:
    night = hours(pb.MONDAY, "22:00", "30:00")
    made = await create(service_desk, weekly_hours=[MORNING, AFTERNOON, night])
    assert made.weekly_hours[2].closes == "30:00"
