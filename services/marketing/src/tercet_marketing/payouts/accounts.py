"""Which account pays, and which adapter works for it."""

from __future__ import annotations

from dataclasses import dataclass

from tercet_chassis import Tx
from tercet_chassis.sealing import sealer_of
from tercet_marketing.channels.contract import Account
from tercet_marketing.channels.model import CONSOLE, LIVE
from tercet_marketing.payouts import store
from tercet_marketing.payouts.console import ConsolePayer
from tercet_marketing.payouts.contract import Payer
from tercet_marketing.payouts.model import SEALED_FOR, PayoutAccount
from tercet_marketing.payouts.registry import installed


@dataclass(frozen=True, slots=True)
class Teller:
    """An adapter with the account that it works for."""

    payer: Payer
    account: Account


async def tellers(tx: Tx, codes: set[str], *, asking: bool = False) -> dict[str, Teller]:
    """Who pays what is to be paid by these accounts or payers, without those where nobody does just now. An account
    that is turned off pays nothing, but may be asked what became of what it had.
    """
    accounts = await store.accounts(tx)
    found = {code: _teller(tx, code, accounts, asking) for code in codes}
    return {code: teller for code, teller in found.items() if teller is not None}


def _teller(tx: Tx, code: str, accounts: list[PayoutAccount], asking: bool) -> Teller | None:
    named = next((one for one in accounts if one.code == code), None)
    of_payer = sorted((one for one in accounts if one.payer_code == code), key=lambda one: (not one.enabled, one.code))
    account = named or next(iter(of_payer), None)
    development = tx.runtime.settings.development
    if account is None:
        payer = installed().get(code)
        # A payer that nobody has set up pays in development only, and then nobody.
        if payer is None or not development:
            return None
        return Teller(ConsolePayer(payer), Account(code=code, allow_private=True))
    payer = installed().get(account.payer_code)
    if payer is None or not (account.enabled or asking):
        return None
    on_console = account.provider == CONSOLE or (account.provider != LIVE and development)
    return Teller(ConsolePayer(payer) if on_console else payer, described(tx, account))


def described(tx: Tx, account: PayoutAccount) -> Account:
    """An account as adapters see it. Refuses secrets that the keys of the settings do not open."""
    return Account(
        code=account.code,
        settings=dict(account.settings or {}),
        secrets=account.opened(sealer_of(tx.runtime, SEALED_FOR).open),
        allow_private=tx.runtime.settings.development,
    )
