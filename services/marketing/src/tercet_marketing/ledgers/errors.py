"""Refusals of the ledgers."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class LedgerBalanceInsufficient(FailedPrecondition):
    """The account has less than is asked for."""

    text = "Account {account_id} has {available} of {unit}, {amount} are asked for; take less or fill it up."


class LedgerKeyReused(AlreadyExists):
    """A key that names another posting or hold."""

    text = "The key {key} names another posting or hold; use a key that follows from what happened."
    field = "key"


class LedgerLegsUnbalanced(InvalidArgument):
    """Legs that do not sum to zero."""

    text = "The legs in {unit} sum to {sum}; what leaves one account must arrive on another."
    field = "legs"


class LedgerLegsMissing(InvalidArgument):
    """A posting that moves nothing."""

    text = "A posting needs legs that move something; give at least two accounts."
    field = "legs"


class LedgerAmountTooFine(InvalidArgument):
    """More decimals than the unit has."""

    text = "{amount} is finer than {unit}, which has {digits} decimals; round it first."
    field = "amount"


class LedgerAmountNotPositive(InvalidArgument):
    """Nothing, or less than nothing."""

    text = "{amount} cannot be moved; give an amount above zero."
    field = "amount"


class LedgerAccountUnknown(NotFound):
    """There is no such account."""

    text = "There is no ledger account {account_id}; open it first."


class LedgerAccountDiffers(FailedPrecondition):
    """The account is open under other terms."""

    text = "The account of {holder} in {unit} is open with {digits} decimals and may go below zero: {may_go_below}."


class LedgerHoldUnknown(NotFound):
    """There is no such hold."""

    text = "There is no hold {key}; it was never made."


class LedgerHoldEnded(FailedPrecondition):
    """The hold no longer stands."""

    text = "The hold {key} is {state}; hold the amount anew under another key."


class LedgerHoldExceeded(FailedPrecondition):
    """More is taken than was held."""

    text = "The hold {key} is over {held}, {amount} are taken; confirm at most what was held."


class LedgerPostingUnknown(NotFound):
    """There is no such posting."""

    text = "There is no posting {key}; nothing can be reversed."


class LedgerPostingReversed(FailedPrecondition):
    """The posting was reversed before."""

    text = "The posting {key} was reversed already by {reversed_by}; it cannot be reversed twice."
