"""Refusals of contracts."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class ContractInvalid(InvalidArgument):
    """The contract cannot be made as it stands; the violations name everything that is wrong."""

    text = "The contract has {count} fault(s); see the violations, correct them all and send it again."


class ContractNotDraft(FailedPrecondition):
    """Only a draft is changed, deleted or signed."""

    text = "Contract {number} is {state}, not a draft; amend it instead."
    field = "id"


class ContractNotSigned(FailedPrecondition):
    """Only a signed contract comes into force."""

    text = "Contract {number} is {state}; it comes into force once it is signed, and only once."
    field = "id"


class ContractNotStarted(FailedPrecondition):
    """Its first day is still to come."""

    text = "Contract {number} starts on {start_date} ({time_zone}); it comes into force by itself on that day."
    field = "start_date"


class ContractNotInForce(FailedPrecondition):
    """Only a signed or active contract is amended or terminated."""

    text = "Contract {number} is {state}; only a signed or active contract can be amended or terminated."
    field = "id"


class ContractEndsBeforeStart(InvalidArgument):
    """The last day lies before the first."""

    text = "The contract would end on {end_date}, before it starts on {start_date}; give a later last day."
    field = "end_date"
