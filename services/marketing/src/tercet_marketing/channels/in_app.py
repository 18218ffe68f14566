"""Messages in a customer's own account with us: a row that their app reads."""

from __future__ import annotations

from uuid import UUID

from tercet_marketing.channels import store
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Channel,
    Fate,
    House,
    Message,
    Receipt,
    Refused,
    Status,
)


class InApp(Channel):
    """In-app messages."""

    code = "in_app"
    display_name = "站内信 In-app"
    address_kind = AddressKind.CUSTOMER
    abilities = frozenset({Ability.HTML, Ability.SUBJECT, Ability.STATUS, Ability.ONCE})
    needs_account = False

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Puts the message into the account, once under its id."""
        if message.to.identity_id is None or message.to.party_id is None:
            raise Refused("it is not known whose account this is")
        async with house.transaction() as tx:
            await store.keep_in_app(tx, message)
        return Receipt(provider_id=str(message.id), delivered=True, cost=self.cost(message, account))

    async def status(self, message_id: UUID, provider_id: str, account: Account, house: House) -> Status:
        """Whether it is there."""
        async with house.transaction() as tx:
            there = await store.in_app_has(tx, message_id)
        return Status(Fate.DELIVERED if there else Fate.ABSENT, message_id)
