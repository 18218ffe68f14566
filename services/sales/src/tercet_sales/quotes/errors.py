"""Refusals of quotes."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class QuoteInvalid(InvalidArgument):
    """The quote cannot be made as it stands; the violations name everything that is wrong."""

    text = "The quote has {count} fault(s); see the violations, correct them all and send it again."


class QuoteNotDraft(FailedPrecondition):
    """Only a draft is changed, deleted or sent."""

    text = "Quote {number} version {version} is {state}, not a draft; revise it to make a version that can be changed."
    field = "id"


class QuoteNotSent(FailedPrecondition):
    """Only a quote that is with the customer is answered."""

    text = (
        "Quote {number} version {version} is {state}, not with the customer; send it first, or take its newest version."
    )
    field = "id"


class QuoteExpired(FailedPrecondition):
    """Its last day has passed."""

    text = "Quote {number} could be accepted until {valid_until_date} ({time_zone}); revise it with a later day."
    field = "valid_until_date"


class QuoteHasNoLines(FailedPrecondition):
    """Nothing is offered."""

    text = "Quote {number} has no lines; add what is offered before you send it."
    field = "lines"


class QuoteCannotBeRevised(FailedPrecondition):
    """An accepted quote stands, and an old version is history."""

    text = "Quote {number} version {version} is {state} and stays as it is; {advice}."
    field = "id"
