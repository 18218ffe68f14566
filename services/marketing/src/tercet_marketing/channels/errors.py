"""Refusals of channels."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class ChannelUnknown(NotFound):
    """Neither a channel nor an account has that code."""

    text = "There is no channel and no channel account {channel_code}; list the channels to see which are installed."
    field = "channel_codes"


class AccountSettingsInvalid(InvalidArgument):
    """Settings are missing, unknown or not allowed."""

    text = "The account does not fit the channel {channel_code}; see the fields that are named."


class AccountUnknown(NotFound):
    """There is no account of that code."""

    text = "There is no channel account {account_code}."
    field = "account_code"


class AccountDisabled(FailedPrecondition):
    """The account is turned off."""

    text = "The channel account {account_code} is turned off; set enabled to use it."
    field = "account_code"
