"""Refusals about joining customers."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class CustomersOfDifferentParties(FailedPrecondition):
    """Only what one unit holds twice of one party is joined."""

    text = (
        "Customers {customer_id} and {other_id} are not one party's in one unit; merge their parties first. "
        "What is another party's is transferred one by one."
    )
    field = "other_id"


class CustomerMergedWithItself(InvalidArgument):
    """Both ids are the same."""

    text = "Customer {customer_id} cannot be joined into itself; name another."
    field = "other_id"


class CustomerMergeUndone(FailedPrecondition):
    """The merge was taken back before."""

    text = "Merge {merge_id} was taken back already."
    field = "id"
