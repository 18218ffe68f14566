"""Refusals of intake."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition


class AccountNotFetched(FailedPrecondition):
    """Nothing is fetched through the account."""

    text = "The account {account_code} does not say where to fetch; for e-mail, set imap_host, and LIVE in development."
    field = "account_code"


class QuarantinedMessageEnded(FailedPrecondition):
    """It waits for nobody any more."""

    text = "The message is {state}; only one that is WAITING can be read again or discarded."
    field = "id"


class MessageStillUnreadable(FailedPrecondition):
    """It cannot be read now either."""

    text = "The message still cannot be read: {cause}. Mend what it says, or discard it."
    field = "id"
