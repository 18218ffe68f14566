"""Refusals of times."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class TimeBelowZero(InvalidArgument):
    """More time was to be taken back than was recorded."""

    text = "Ticket {number} has {minutes} minutes; take back no more than that."
    field = "minutes"
