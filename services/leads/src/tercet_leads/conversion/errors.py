"""Refusals of conversion."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition


class LeadHasNoUnit(FailedPrecondition):
    """A customer belongs to a selling unit, and nobody knows which."""

    text = "Lead {lead_id} belongs to no unit; assign it to a seller first."
    field = "id"
