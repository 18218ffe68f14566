"""Coupon: something off an order, for whoever holds it."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis.money import Money
from tercet_marketing.tools.contract import Drawn, Tool
from tercet_marketing.tools.rules import Basket, Benefit, Fault, Numbers, Withheld, most_off, reduce, reduction_faults
from tercet_marketing.tools.schemas import REDUCTION


class Coupon(Tool):
    """Takes off an amount or a percentage when its holder orders."""

    code = "coupon"
    display_name = "优惠券 Coupon"
    schema = REDUCTION
    acts_on_orders = True
    redeemed_alone = False

    def check(self, numbers: Numbers, currency: str) -> list[Fault]:
        """Amounts must fit the currency, and what repeats needs a threshold."""
        return reduction_faults(numbers, currency)

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """What it takes off."""
        return reduce(numbers, basket)

    def draw(self, grant_id: UUID, numbers: Numbers, currency: str) -> Drawn:
        """It is worth what it takes off at most."""
        most = most_off(numbers)
        return Drawn(None if most is None else Money(most, currency))
