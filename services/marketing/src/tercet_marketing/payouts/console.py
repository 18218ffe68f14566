"""The console twin of any payer: says the same of itself, and writes to a table instead of paying anybody."""

from __future__ import annotations

from uuid import UUID

import structlog

from tercet_marketing.channels.contract import Account, House
from tercet_marketing.payouts import store
from tercet_marketing.payouts.contract import Bill, Fate, Payer, Standing

log = structlog.get_logger(__name__)


class ConsolePayer(Payer):
    """Stands in for a payer where no money is to move: in development, and for trials."""

    def __init__(self, twin_of: Payer) -> None:
        self.code = twin_of.code
        self.display_name = twin_of.display_name
        self.address_kind, self.platform = twin_of.address_kind, twin_of.platform
        self.currencies, self.settings = twin_of.currencies, twin_of.settings

    async def pay(self, bill: Bill, account: Account, house: House) -> Standing:
        """Writes the payment down, once under its id."""
        async with house.transaction() as tx:
            await store.keep_console(tx, bill, self.code)
        # Neither address nor amount: logs are read by people whom neither concerns.
        log.info("payer.console", payer=self.code, bill_id=str(bill.id))
        return Standing(Fate.PAID, provider_id=f"console-{bill.id}")

    async def standing(self, bill_id: UUID, account: Account, house: House) -> Standing:
        """Whether it was written down."""
        async with house.transaction() as tx:
            known = await store.console_has(tx, bill_id)
        return Standing(Fate.PAID, provider_id=f"console-{bill_id}") if known else Standing(Fate.ABSENT)
