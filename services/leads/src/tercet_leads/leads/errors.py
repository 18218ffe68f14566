"""Refusals of the lead."""

from __future__ import annotations

from tercet_chassis.errors import Aborted, FailedPrecondition, InvalidArgument


class LeadEmpty(InvalidArgument):
    """Nothing in it could identify or reach anybody."""

    text = "The lead has no name, number, address or code; give at least one."
    field = "lead"


class LeadValueTooLong(InvalidArgument):
    """A value is longer than its field takes."""

    text = "{field_name} has {length} characters and takes {limit}; shorten it."


class LeadNotOpen(FailedPrecondition):
    """The step needs a lead that is still followed up."""

    text = "Lead {lead_id} is {state}; only an open or working lead can do this."
    field = "id"


class LeadMerged(FailedPrecondition):
    """The lead was joined into another one."""

    text = "Lead {lead_id} was joined into {merged_into_id}; work on that one."
    field = "id"


class LeadNotClosed(FailedPrecondition):
    """Only a closed lead can be opened again."""

    text = "Lead {lead_id} is {state}; only a disqualified or junk lead can be opened again."
    field = "id"


class LeadNotQualified(FailedPrecondition):
    """The step needs a qualified lead."""

    text = "Lead {lead_id} is {state}; qualify it first."
    field = "id"


class LeadAlreadyConverted(FailedPrecondition):
    """The lead became a customer."""

    text = "Lead {lead_id} was converted; open customer {customer_id} instead."
    field = "id"


class LeadConverting(FailedPrecondition):
    """A conversion is under way."""

    text = "Lead {lead_id} is being converted; wait for the result and read it again."
    field = "id"


class PartyHasOpenLead(FailedPrecondition):
    """The party has another open lead by now."""

    text = "The party has the open lead {lead_id} by now; follow that one up."
    field = "id"


class QualificationNotMet(FailedPrecondition):
    """The rule in force does not hold."""

    text = "The lead does not meet the rule {rule}: {because}. Give a reason to qualify it as an exception."
    field = "reason"


class LeadAlreadyClaimed(Aborted):
    """Somebody was faster, or the lead has an owner."""

    text = "Lead {lead_id} belongs to somebody already; claim another."
    field = "id"


class LeadNotInPool(FailedPrecondition):
    """The lead waits in no pool."""

    text = "Lead {lead_id} waits in no pool; have it assigned instead."
    field = "id"


class LeadHasNoOwner(FailedPrecondition):
    """Nobody follows the lead up."""

    text = "Lead {lead_id} has no owner; claim or assign it first."
    field = "id"


class SellerUnknown(InvalidArgument):
    """The new owner is no seller here."""

    text = "There is no active seller {owner_id}; choose another."
    field = "owner_id"


class ContactInFuture(InvalidArgument):
    """A contact is noted before it happened."""

    text = "A contact cannot lie in the future; correct contact_time."
    field = "contact_time"
