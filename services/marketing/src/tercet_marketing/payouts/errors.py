"""Refusals of payouts."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class PayerUnknown(InvalidArgument):
    """No such payer is installed."""

    text = "There is no payer {payer_code}; list the payers to see which are installed."
    field = "payout_account.payer_code"


class PayoutAccountSettingsInvalid(InvalidArgument):
    """Settings are missing, unknown or not allowed."""

    text = "The account does not fit the payer {payer_code}; see the fields that are named."


class PayoutAccountInUse(FailedPrecondition):
    """Payouts through it have not ended."""

    text = "{count} payments through {code} are under way; turn the account off and change {what} when they have ended."
    field = "id"


class PayoutNotFailed(FailedPrecondition):
    """Only what certainly was not paid is paid again."""

    text = "The payout is {state}; only one that failed is paid again."
    field = "id"


class PayoutNotCancelable(FailedPrecondition):
    """The payer has it, or it has ended."""

    text = "The payout is {state}; only one that waits or failed is given up."
    field = "id"
