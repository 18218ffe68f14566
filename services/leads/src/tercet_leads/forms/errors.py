"""Refusals of forms."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class FormNotFound(NotFound):
    """There is no such form."""

    text = "There is no form {code}; check the address."
    field = "code"


class FormClosed(FailedPrecondition):
    """The form takes no submissions."""

    text = "The form {code} takes no submissions any more."
    field = "code"


class FormFieldsInvalid(InvalidArgument):
    """The form asks for something twice, or fills a field that leads have not."""

    text = "The form's fields cannot be used: {detail}"


class FormValuesInvalid(InvalidArgument):
    """Values are missing, wrong or not asked for."""

    text = "Some values are missing or not valid; see the fields."


class OptInTokenSpent(FailedPrecondition):
    """The token was used, is too old, or never was one."""

    text = "This confirmation was used already or is too old; fill in the form again."
    field = "token"
