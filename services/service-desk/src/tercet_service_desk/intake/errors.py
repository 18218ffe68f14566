"""Refusals of intake."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


class FormNotFound(NotFound):
    """There is no form of that code."""

    text = "There is no form {code}; look at the link again."
    field = "code"


class FormClosed(FailedPrecondition):
    """A form that is shut was submitted."""

    text = "The form {code} takes nothing any more; write to us another way."
    field = "code"


class FormBusy(ResourceExhausted):
    """More was submitted than people write."""

    text = "Too much came through this form within an hour; try again later or write to us another way."


class RequesterUnreachable(InvalidArgument):
    """Somebody asked for help and gave no way to answer."""

    text = "Give an e-mail address or a phone number, so that we can answer."
    field = "email"
