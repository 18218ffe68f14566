"""Refusals at the door. A wrong password and an unknown user are told in the same words: nobody learns who is there."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument, ResourceExhausted, Unauthenticated


class SignInFailed(Unauthenticated):
    """Tenant, address and password do not fit together, or the user is disabled."""

    text = "Tenant, e-mail address and password do not fit together; check all three, or ask an administrator."


class SignInThrottled(ResourceExhausted):
    """Too many attempts at one account."""

    text = "Too many attempts to sign in to this account; wait {seconds} seconds and try again."


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is unknown, expired, or of a session that ended."""

    text = "The refresh token is not valid ({cause}); sign in again."


class RefreshTokenSpent(Unauthenticated):
    """The refresh token was used before: somebody else may hold it."""

    text = "The refresh token was used before, so the session has been ended for safety; sign in again."


class CredentialInvalid(Unauthenticated):
    """The access token or API key is unknown, expired, revoked or forged."""

    text = "The {kind} is not valid ({cause}); {remedy}."


class ExpiryPassed(InvalidArgument):
    """An API key would be expired from the start."""

    text = "The expiry {expire_time} is past; choose a later one or leave it out."
    field = "api_key.expire_time"
