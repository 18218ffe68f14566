"""What a payer is: the contract that every adapter keeps, those from outside this tree too.

An adapter is a class named by an entry point of the group `tercet.marketing.payers`, called outside of any transaction.
It pays one id once, however often it is handed over: whoever cannot promise that is no payer. Its outcomes are exactly
these: `Standing` when the provider has it; `Refused` when it never will pay this id, and certainly has not; `Later`
when it certainly has not, but may; `Unclear` when nobody can tell. Whatever else is raised counts as `Unclear`, and is
asked after until the provider knows.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from tercet_chassis.money import Money
from tercet_marketing.channels.contract import Account, AddressKind, House, Plugin


@dataclass(frozen=True, slots=True)
class Bill:
    """What is paid, and where: `id` names the payment for ever, `address` is a contact point of the customer."""

    id: UUID
    amount: Money
    address: Mapping[str, Any]
    name: str = ""


class Fate(StrEnum):
    """What became of a payment, as the provider tells."""

    # The provider has it; perhaps the customer still has to accept it.
    PENDING = "PENDING"
    PAID = "PAID"
    # It certainly was not paid and never will be under this id.
    FAILED = "FAILED"
    # The provider never had it: it may be handed over again.
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands. `acceptance` is what the customer's app needs to accept it, where they must."""

    fate: Fate
    provider_id: str = ""
    detail: str = ""
    acceptance: str = ""


class Payer(Plugin):
    """One way to pay somebody. Subclasses name what they are, pay, and tell what became of it."""

    # Of which kind the customer's contact point is, and of accounts at a platform: which.
    address_kind: AddressKind = AddressKind.ACCOUNT
    platform: str = ""
    # The currencies that it pays; any when none is named.
    currencies: frozenset[str] = frozenset()
    # The settings that say whose money it is: they stay while a payment is under way, or it might be asked after, found
    # absent, and paid again elsewhere.
    purse: frozenset[str] = frozenset()

    @abstractmethod
    async def pay(self, bill: Bill, account: Account, house: House) -> Standing:
        """Hands a payment over. Raises `Refused`, `Later` or `Unclear`."""

    @abstractmethod
    async def standing(self, bill_id: UUID, account: Account, house: House) -> Standing:
        """What became of a payment, asked by our id. Raises `Later` when the provider does not say now."""
