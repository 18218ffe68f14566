"""Refusals of users and employees."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, PermissionDenied, ResourceExhausted


class PasswordTooWeak(InvalidArgument):
    """The password is too easy to guess."""

    text = "The password is too easy to guess: {remedy}."
    field = "password"


class PasswordWrong(FailedPrecondition):
    """The current password given is not the one in force."""

    text = "The current password is not right; type it again."
    field = "current_password"


class PasswordChecksBusy(ResourceExhausted):
    """More sign-ins at once than the machine can check."""

    text = "Too many people sign in at this moment; try again in a second."


class UserIsSelf(FailedPrecondition):
    """Nobody locks themselves out."""

    text = "This is your own user; ask somebody else to do it."
    field = "id"


class UserOutranksCaller(PermissionDenied):
    """The user holds more than the caller."""

    text = "The user may do {permission} ({scope}), which you may not; only somebody who may can change this user."


class NotSignedInAsUser(FailedPrecondition):
    """An API key or a service has no profile."""

    text = "This is for people who signed in; an API key has no profile. Use GET /v1/api-keys instead."


class UserUnknown(FailedPrecondition):
    """An employee names a user that does not exist."""

    text = "There is no user {user_id}; create the user first or leave it out."
    field = "employee.user_id"


class UserInUse(FailedPrecondition):
    """An employee refers to the user."""

    text = "The user {user_id} is an employee's; disable the user instead, or delete the employee first."
    field = "id"


class FieldNotYours(InvalidArgument):
    """Somebody tries to set more of their own user than name, language and zone."""

    text = "You cannot set {fields} of your own user; an administrator can, in the list of users."
