"""Which account carries a message, and which adapter works for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tercet_chassis import Tx
from tercet_chassis.sealing import sealer_of
from tercet_marketing.channels import store
from tercet_marketing.channels.console import Console
from tercet_marketing.channels.contract import Ability, Account, Channel
from tercet_marketing.channels.model import CONSOLE, LIVE, SEALED_FOR, ChannelAccount
from tercet_marketing.channels.registry import installed


@dataclass(frozen=True, slots=True)
class Carrier:
    """An adapter with the account that it works for."""

    channel: Channel
    account: Account
    rate_per_second: int = 0


class Carriers:
    """The carriers of one tenant, as its accounts stand now."""

    def __init__(self, tx: Tx, accounts: Sequence[ChannelAccount], channels: Mapping[str, Channel]) -> None:
        self._tx, self._channels = tx, channels
        self._by_code = {account.code: account for account in accounts}
        self._of_channel: dict[str, list[ChannelAccount]] = {}
        for account in sorted(accounts, key=lambda account: (not account.preferred, account.code)):
            self._of_channel.setdefault(account.channel_code, []).append(account)
        self._made: dict[str, Carrier | None] = {}

    def knows(self, code: str) -> bool:
        """Whether an account or a channel has the code."""
        return code in self._by_code or code in self._channels

    def channel_of(self, code: str) -> str:
        """The channel that a code leads to: an account's, or the channel itself."""
        named = self._by_code.get(code)
        return code if named is None else named.channel_code

    def can(self, code: str, ability: Ability) -> bool:
        """Whether the channel that a code leads to can that."""
        channel = self._channels.get(self.channel_of(code))
        return channel is not None and ability in channel.abilities

    def carrier(self, code: str) -> Carrier | None:
        """Who carries what is to go through an account or channel of this code; None when nobody can just now."""
        if code not in self._made:
            self._made[code] = self._find(code)
        return self._made[code]

    def _find(self, code: str) -> Carrier | None:
        named = self._by_code.get(code)
        if named is not None:
            return self._carried(named) if named.enabled else None
        channel = self._channels.get(code)
        if channel is None:
            return None
        own = next((account for account in self._of_channel.get(code, ()) if account.enabled), None)
        if own is not None:
            return self._carried(own)
        if self._tx.runtime.settings.development and channel.needs_account:
            return Carrier(Console(channel), Account(code=f"console-{code}", allow_private=True))
        # An account that was turned off means that the channel is not to be used.
        if channel.needs_account or self._of_channel.get(code):
            return None
        return Carrier(channel, Account(code=code))

    def _carried(self, account: ChannelAccount) -> Carrier | None:
        channel = self._channels.get(account.channel_code)
        if channel is None:
            return None
        development = self._tx.runtime.settings.development
        on_console = account.provider == CONSOLE or (account.provider != LIVE and development)
        adapter = Console(channel) if on_console else channel
        return Carrier(adapter, described(self._tx, account), account.rate_per_second)


def described(tx: Tx, account: ChannelAccount) -> Account:
    """An account as adapters see it. Refuses secrets that the keys of the settings do not open."""
    return Account(
        code=account.code,
        settings=dict(account.settings or {}),
        secrets=account.opened(sealer_of(tx.runtime, SEALED_FOR).open),
        sender=account.sender or "",
        sender_label=account.sender_label or "",
        message_cost=account.message_cost,
        allow_private=tx.runtime.settings.development,
    )


async def carriers(tx: Tx) -> Carriers:
    """The carriers of the tenant."""
    return Carriers(tx, await store.accounts(tx), installed())


async def carrier_of_account(tx: Tx, code: str) -> Carrier | None:
    """The carrier of one account, the console's too; None when there is none of that code."""
    return (await carriers(tx)).carrier(code)


async def fetching(tx: Tx) -> Sequence[str]:
    """The accounts that say where what customers write is fetched from."""
    accounts = await store.accounts(tx)
    carried = Carriers(tx, accounts, installed())
    found = ((account.code, carried.carrier(account.code)) for account in accounts if account.enabled)
    return [code for code, carrier in found if carrier is not None and carrier.channel.look_interval(carrier.account)]
