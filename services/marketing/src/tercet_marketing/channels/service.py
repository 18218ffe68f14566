"""Channels: what is installed, and a tenant's accounts of it."""

from __future__ import annotations

from typing import Any, cast

from tercet.marketing.v1 import channel_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import ProfileContactPoint
from tercet_chassis import Handlers, Tx
from tercet_chassis.errors import Violation
from tercet_marketing.channels.accounts import described
from tercet_marketing.channels.errors import AccountSettingsInvalid, ChannelUnknown
from tercet_marketing.channels.model import SEALED_FOR, ChannelAccount, InAppMessage
from tercet_marketing.channels.registry import installed
from tercet_marketing.channels.secrets import added, changed

# Read when the service is put together: what is broken stops the start.
CHANNELS = installed()


class ChannelService(Handlers):
    """Serves tercet.marketing.v1.ChannelService."""

    async def ListChannels(self, request: pb.ListChannelsRequest, tx: Tx) -> pb.ListChannelsResponse:
        """The channels that are installed."""
        response = pb.ListChannelsResponse()
        for code, channel in sorted(CHANNELS.items()):
            told = response.channels.add(code=code, display_name=channel.display_name, platform=channel.platform)
            told.address_kind = cast(Any, ProfileContactPoint.Kind.Value(channel.address_kind.value))
            abilities = sorted(pb.Channel.Ability.Value(ability.value) for ability in channel.abilities)
            told.abilities.extend(cast(Any, abilities))
            for setting in channel.settings:
                told.settings.add(
                    name=setting.name,
                    description=setting.description,
                    required=setting.required,
                    secret=setting.secret,
                )
        return response

    async def CreateChannelAccount(self, request: pb.CreateChannelAccountRequest, tx: Tx) -> ChannelAccount:
        """Adds an account. Refuses what the channel cannot use."""
        account = await added(tx, ChannelAccount, request.channel_account, SEALED_FOR)
        _check(tx, account)
        return account

    async def UpdateChannelAccount(self, request: pb.UpdateChannelAccountRequest, tx: Tx) -> ChannelAccount:
        """Changes an account; secrets that are sent replace all that are kept. Refuses what the channel cannot use."""
        given = request.channel_account
        account = await tx.get(ChannelAccount, given.id, etag=given.etag, lock=True)
        await changed(tx, account, given, request.update_mask, SEALED_FOR)
        _check(tx, account)
        return account

    async def ReadInAppMessage(self, request: pb.ReadInAppMessageRequest, tx: Tx) -> InAppMessage:
        """Notes that the customer has read it."""
        message = await tx.get(InAppMessage, request.id, lock=True)
        message.read(tx.now())
        return message


def _check(tx: Tx, account: ChannelAccount) -> None:
    channel = CHANNELS.get(account.channel_code)
    if channel is None:
        raise ChannelUnknown(channel_code=account.channel_code)
    if account.provider == "CONSOLE":
        return
    wrong: Any = channel.check(described(tx, account))
    if wrong:
        violations = [
            Violation(f"channel_account.{_place(name)}", "SETTING_INVALID", f"{name}: {what}.")
            for name, what in sorted(wrong.items())
        ]
        raise AccountSettingsInvalid(channel_code=account.channel_code, violations=violations)


def _place(name: str) -> str:
    return name if name == "sender" else f"settings.{name}"
