"""Refusals of rules over leads."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class GradeScaleInvalid(InvalidArgument):
    """The scores do not fall from A to C."""

    text = "A must begin at a higher score than B, and B at a higher one than C; correct the scale."
    field = "grade_scale"
