"""Why a service level cannot be kept as it is given."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class CalendarNotFound(InvalidArgument):
    """The level counts in a calendar that is not there."""

    text = "There is no calendar {calendar_code}; add it first or choose another."
    field = "service_level.calendar_code"


class ServiceTargetInvalid(InvalidArgument):
    """Two targets are for the same clock and priority, or one can never be reached."""

    text = "{problem}"


class EscalationStepInvalid(InvalidArgument):
    """A step cannot be taken."""

    text = "{problem}"
