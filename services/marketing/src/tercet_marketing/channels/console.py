"""The console twin of any channel: says the same of itself, and writes to a table instead of to anybody."""

from __future__ import annotations

from uuid import UUID

import structlog

from tercet_marketing.channels import store
from tercet_marketing.channels.contract import Ability, Account, Channel, Fate, House, Message, Receipt, Status

log = structlog.get_logger(__name__)


class Console(Channel):
    """Stands in for a channel where nobody is to be reached: in development, and for trials."""

    def __init__(self, twin_of: Channel) -> None:
        self.code = twin_of.code
        self.display_name = twin_of.display_name
        self.address_kind = twin_of.address_kind
        self.platform = twin_of.platform
        self.settings = twin_of.settings
        texts = twin_of.abilities & {Ability.HTML, Ability.SUBJECT, Ability.FILES}
        self.abilities = texts | {Ability.STATUS, Ability.ONCE}

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Writes the message down, once under its id."""
        async with house.transaction() as tx:
            await store.keep_console(tx, message, self.code)
        # Neither address nor text: logs are read by people whom neither concerns.
        log.info("channel.console", channel=self.code, message_id=str(message.id), purpose=message.purpose)
        return Receipt(provider_id=f"console-{message.id}", delivered=True, cost=self.cost(message, account))

    async def status(self, message_id: UUID, provider_id: str, account: Account, house: House) -> Status:
        """Whether it was written down."""
        async with house.transaction() as tx:
            known = await store.console_has(tx, message_id)
        return Status(Fate.DELIVERED if known else Fate.ABSENT, message_id)
