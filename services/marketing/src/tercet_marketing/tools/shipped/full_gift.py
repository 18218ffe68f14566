"""Full gift (满赠): products for nothing with every order that is large enough."""

from __future__ import annotations

from decimal import Decimal

from tercet_marketing.tools.contract import Tool
from tercet_marketing.tools.rules import Basket, Benefit, Fault, Numbers, Withheld, amount_faults, gifts_above
from tercet_marketing.tools.schemas import GIFTS, SCOPE, decimal, numbers, whole


class FullGift(Tool):
    """Gives products from a threshold on."""

    code = "full_gift"
    display_name = "满赠 Full gift"
    schema = numbers(
        {
            "threshold": decimal("From this amount on"),
            "repeat": {"type": "boolean", "title": "Once for each time the threshold is reached"},
            "times_max": whole("At most so many times", 1000),
            "gifts": GIFTS,
            **SCOPE,
        },
        ["threshold", "gifts"],
    )
    acts_on_orders = True
    redeemed_alone = False

    def check(self, numbers: Numbers, currency: str) -> list[Fault]:
        """The threshold must fit the currency, and be above zero where it repeats."""
        faults = amount_faults(numbers, currency, "threshold")
        if numbers.get("repeat") and not Decimal(numbers["threshold"]):
            faults.append(Fault("threshold", "THRESHOLD_MISSING", "What repeats needs a threshold above zero."))
        return faults

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """What it gives."""
        return gifts_above(numbers, basket)
