"""Refusals of the effect."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class EffectTimesCrossed(InvalidArgument):
    """The end is before the beginning."""

    text = "Decisions from {from_time} to {to_time} are none: give an end after the beginning."
    field = "to_time"
