"""Refusals of grants and codes."""

from __future__ import annotations

from tercet_chassis.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)


class GrantKeyReused(AlreadyExists):
    """The key names another grant."""

    text = "The key {key} names another grant; use a key that follows from what happened."
    field = "key"


class GrantNotUsable(FailedPrecondition):
    """It cannot be used."""

    text = "The grant {grant_id} cannot be used: {cause}"


class GrantOnOrder(FailedPrecondition):
    """An order uses it."""

    text = "The grant {grant_id} is used on {reference}; release that order's benefits first."


class GrantPaidOut(FailedPrecondition):
    """Its money is with the payer or with its holder."""

    text = "The grant {grant_id} is {payment}; what a payer has cannot be taken back here."


class GrantPaidByPayout(FailedPrecondition):
    """It is paid into its holder's wallet."""

    text = "The grant {grant_id} is paid into its holder's wallet by itself; see its payout."


class GrantNotReversible(FailedPrecondition):
    """It has ended."""

    text = "The grant {grant_id} is {state}; nothing of it can be taken back."


class LimitReached(FailedPrecondition):
    """It happened as often as it may."""

    text = "Of the policy {policy_code} no more than {most} may be {what}; publish a version that allows more."


class BudgetSpent(FailedPrecondition):
    """The budget has too little left."""

    text = "The budget {budget_code} has {available} left, {amount} are needed; top it up or wait."


class ZoneUnknown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {zone}; give one such as Asia/Shanghai."
    field = "zone"


class PolicyMissing(InvalidArgument):
    """The tool needs numbers."""

    text = "The tool {tool_code} needs the numbers of a policy; name one."
    field = "policy_code"


class CodeUnknown(NotFound):
    """No such code."""

    text = "There is no such code; check what was typed."
    field = "code"


class CodeMistyped(InvalidArgument):
    """Its check character is wrong."""

    text = "This code cannot be right: its check character is wrong. Type it again."
    field = "code"


class CodeSpent(FailedPrecondition):
    """Somebody has it already, or it was ended."""

    text = "This code was used or ended; it works no more."
    field = "code"


class CodeTaken(AlreadyExists):
    """The word is taken."""

    text = "There is already a code {code}; choose another word."
    field = "code"


class CodeGuessesThrottled(ResourceExhausted):
    """Too many wrong codes."""

    text = "Too many wrong codes; wait {seconds} seconds and try again."


class OwnReferral(FailedPrecondition):
    """Somebody would bring themselves."""

    text = "A member cannot redeem the own referral; it is for newcomers."
    field = "redeemer_identity_id"


class RedeemerMissing(InvalidArgument):
    """Nobody is named."""

    text = "This grant is redeemed by others; name who redeems it."
    field = "redeemer_identity_id"


class GrantForOrders(FailedPrecondition):
    """It only works on an order."""

    text = "A grant of {tool_code} is used on an order; evaluate and reserve it there."


class GrantForNewcomers(FailedPrecondition):
    """As many newcomers came as may, or this one came before."""

    text = "The grant {grant_id} brings nothing more: {cause}"
    field = "redeemer_identity_id"
