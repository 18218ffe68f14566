"""Refusals about joining leads."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class LeadsOfDifferentParties(FailedPrecondition):
    """Only leads of one party are joined."""

    text = "Leads {lead_id} and {other_id} are of different parties; merge their parties first."
    field = "other_id"


class LeadMergedWithItself(InvalidArgument):
    """Both ids are the same."""

    text = "Lead {lead_id} cannot be joined into itself; name another."
    field = "other_id"


class LeadMergeUndone(FailedPrecondition):
    """The merge was taken back before."""

    text = "Merge {merge_id} was taken back already."
    field = "id"
