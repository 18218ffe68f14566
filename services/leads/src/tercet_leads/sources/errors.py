"""Refusals of the source tree."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class SourceTreeBroken(InvalidArgument):
    """The parent is missing, is the source itself or stands below it."""

    text = "The source {code} cannot stand below {parent_code}: {cause}."
    field = "source.parent_code"


class SourceInUse(FailedPrecondition):
    """Touches came from it or sources stand below it."""

    text = "The source {code} cannot be deleted because {cause}; set its end_date instead."
    field = "id"


class SourceDatesInvalid(InvalidArgument):
    """The validity ends before it begins."""

    text = "The source {code} ends on {end_date}, before it starts on {start_date}; correct one of the two."
    field = "source.end_date"
