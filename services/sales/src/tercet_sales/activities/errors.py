"""Refusals about activities."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class SubjectUnknown(InvalidArgument):
    """What it is about is not there or not in the caller's reach."""

    text = "There is no {type} {id}, or it is outside your reach; choose another subject."
    field = "activity.subject"


class ActivityNotOpen(FailedPrecondition):
    """It is done or cancelled."""

    text = "The activity is {state}; only an open one can be completed or cancelled."


class ActivityCanceled(FailedPrecondition):
    """A cancelled activity is no longer changed."""

    text = "The activity is cancelled; create a new one."


class DoneInFuture(InvalidArgument):
    """Done before it happened."""

    text = "The activity cannot have been done at {done_time}, which is still to come."
    field = "done_time"
