"""Refusals of surveys."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class SurveyLinkInvalid(InvalidArgument):
    """A link was not signed here, or is too old."""

    text = "This link is not valid or no longer; ask for a new one."
    field = "token"


class SurveyOver(FailedPrecondition):
    """A survey was answered, or its time has passed."""

    text = "This survey was answered or its time has passed; write to us if there is more to say."
