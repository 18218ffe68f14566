"""Why a calendar cannot be kept as it is given."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class CalendarZoneUnknown(InvalidArgument):
    """The zone is none that the time zone database knows."""

    text = "There is no time zone {zone}; use a name such as Asia/Shanghai or Europe/Berlin."
    field = "calendar.zone"


class WorkingHoursInvalid(InvalidArgument):
    """An interval or a special day is none."""

    text = "{problem}"


class WorkingHoursOverlap(InvalidArgument):
    """Two intervals claim the same time."""

    text = "{first} and {second} overlap; let one end before the other begins, or make them one."


class CalendarInUse(FailedPrecondition):
    """Service levels count in the calendar that was to be deleted."""

    text = "Service level {level_code} counts in calendar {code}; give it another calendar first."
    field = "id"
