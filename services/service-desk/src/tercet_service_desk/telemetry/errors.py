"""Refusals of devices, readings, rules and alarms."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class DeviceWasMounted(FailedPrecondition):
    """A device was to be deleted that has measured something."""

    text = "This device was mounted on an asset; disable it instead."
    field = "id"


class DeviceMountedLater(FailedPrecondition):
    """A mounting was to begin or end before one that is known."""

    text = "A mounting of this device from {start_time} is known; give a later time."
    field = "start_time"


class DeviceNotMounted(FailedPrecondition):
    """A device was to be taken off that is on nothing."""

    text = "This device measures on nothing; mount it first."
    field = "id"


class MountingInFuture(InvalidArgument):
    """A mounting was to begin or end later than now."""

    text = "That time has not come; give the time at which it was done, or leave it out for now."
    field = "start_time"


class AlarmThresholdsInvalid(InvalidArgument):
    """The value that clears lies beyond the one that alarms."""

    text = "The clearing value {clear_value} lies beyond the threshold {threshold}; values there would alarm and clear."
    field = "alarm_rule.clear_value"


class AlarmOver(FailedPrecondition):
    """An alarm was to be ended that is over."""

    text = "This alarm is over since {recover_time}."
    field = "id"
