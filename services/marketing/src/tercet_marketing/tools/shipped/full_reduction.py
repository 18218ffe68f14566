"""Full reduction (满减): something off every order that is large enough."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tercet_chassis.money import Money
from tercet_marketing.tools.contract import Drawn, Tool
from tercet_marketing.tools.rules import (
    Basket,
    Benefit,
    Fault,
    Numbers,
    Withheld,
    decimal_of,
    most_off,
    reduce,
    reduction_faults,
)
from tercet_marketing.tools.schemas import REDUCTION, Schema


class FullReduction(Tool):
    """Takes off an amount or a percentage from a threshold on."""

    code = "full_reduction"
    display_name = "满减 Full reduction"
    # Without a threshold it is a coupon or a red packet, and no full reduction.
    schema: ClassVar[Schema] = {**REDUCTION, "anyOf": [{"required": ["threshold"]}, {"required": ["steps"]}]}
    acts_on_orders = True
    redeemed_alone = False

    def check(self, numbers: Numbers, currency: str) -> list[Fault]:
        """The threshold must be above zero, amounts must fit the currency."""
        faults = reduction_faults(numbers, currency)
        if decimal_of(numbers, "threshold") == 0:
            faults.append(Fault("threshold", "THRESHOLD_MISSING", "Give the amount from which on it counts."))
        return faults

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """What it takes off."""
        return reduce(numbers, basket)

    def draw(self, grant_id: UUID, numbers: Numbers, currency: str) -> Drawn:
        """It is worth what it takes off at most."""
        most = most_off(numbers)
        return Drawn(None if most is None else Money(most, currency))
