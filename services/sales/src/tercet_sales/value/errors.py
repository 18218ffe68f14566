"""Refusals of customer value."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument, NotFound


class CustomerValueNotFound(NotFound):
    """The party bought nothing in that period."""

    text = "Party {party_id} bought nothing from unit {unit_id} in the period of {date}."


class ValuePolicyIncomplete(InvalidArgument):
    """The method's thresholds are not all given."""

    text = "A policy by {method} needs {fields}; give both."
    field = "method"
