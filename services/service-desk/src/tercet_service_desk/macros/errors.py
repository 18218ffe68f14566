"""Refusals of macros."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class MacroInvalid(InvalidArgument):
    """A macro does nothing, or names something that a ticket has not."""

    text = "{problem}"


class MacroNotFound(NotFound):
    """There is no macro of that code."""

    text = "There is no macro {code}; look at the list."
    field = "macro_code"


class MacroRetired(FailedPrecondition):
    """A macro that is offered no longer was to be applied."""

    text = "The macro {code} is retired; use another."
    field = "macro_code"


class MacroNotAllowed(PermissionDenied):
    """A macro does something that the caller may not do by hand."""

    text = "The macro {code} does what you may not do on this ticket: {steps}. Ask somebody who may."
