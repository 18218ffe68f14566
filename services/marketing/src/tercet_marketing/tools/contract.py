"""The contract of a marketing tool: a class named by an entry point of the group `tercet.marketing.tools`.

A tool says what is done and which numbers it needs; it names no customer, policy or channel. The entry point's name is
the tool's code. Everything a tool does runs in the caller's transaction and at most once for a grant, so a tool keeps
nothing for itself: what it writes goes through `act.tx`, under keys that follow from `act.key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from tercet_marketing.tools.rules import Basket, Benefit, Fault, Numbers, Withheld

if TYPE_CHECKING:
    from tercet_chassis import Money, Tx


@dataclass(frozen=True, slots=True)
class Act:
    """One effect of a tool: on whose behalf, by which numbers, under which key."""

    tx: Tx
    key: str
    grant_id: UUID
    identity_id: UUID
    party_id: UUID
    numbers: Numbers
    currency: str
    # What the grant is worth at most; None when that is only known at the till.
    face: Money | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a grant is worth at most, and the numbers that it keeps instead of the policy's when something was drawn
    by lot.
    """

    face: Money | None = None
    numbers: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Redemption:
    """How a grant is redeemed: by whom, and what for. `amount` is what it took off an order."""

    identity_id: UUID
    reference: str = ""
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Reward:
    """A further benefit that a redemption brings somebody."""

    tool_code: str
    policy_code: str
    identity_id: UUID


class Tool:
    """Base of all tools; a tool sets the class attributes and replaces what it does differently."""

    code: ClassVar[str]
    display_name: ClassVar[str]
    # JSON Schema 2020-12 of the numbers. Amounts are decimal text, as JSON's numbers are not exact.
    schema: ClassVar[Mapping[str, Any]]
    # Whether a grant of it can be used on an order.
    acts_on_orders: ClassVar[bool] = False
    # Whether its worth is taken from the budget when it is issued, not when it is redeemed.
    spends_at_issue: ClassVar[bool] = False
    # Whether a grant of it can be used without an order.
    redeemed_alone: ClassVar[bool] = True
    # Whether somebody else than its beneficiary redeems it, and often.
    redeemed_by_others: ClassVar[bool] = False

    def check(self, numbers: Numbers, currency: str) -> list[Fault]:
        """What is wrong with numbers that satisfy the schema."""
        return []

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """What it gives on an order. Pure: the same order always gets the same."""
        return Withheld("NOT_FOR_ORDERS", f"{self.display_name} is not used on orders.")

    def draw(self, grant_id: UUID, numbers: Numbers, currency: str) -> Drawn:
        """What a grant will be worth. Pure: the same grant always draws the same."""
        return Drawn()

    def paid_by(self, numbers: Numbers) -> str:
        """The payout account or payer that pays a grant's worth into its holder's wallet; empty when nobody does."""
        return ""

    def rewards(self, numbers: Numbers) -> list[tuple[str, str]]:
        """The further benefits that redeeming may bring, each a tool and a policy, which are checked with the pair."""
        return []

    async def issue(self, act: Act) -> bool:
        """Gives it to the beneficiary. True when it has taken effect thereby and nothing is left to redeem."""
        return False

    async def redeem(self, act: Act, redemption: Redemption) -> list[Reward]:
        """Uses it."""
        return []

    async def reverse(self, act: Act) -> None:
        """Takes back all that issuing did."""

    async def expire(self, act: Act) -> None:
        """Ends it unused."""
