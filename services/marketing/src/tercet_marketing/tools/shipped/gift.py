"""Gift: products that somebody may have for nothing, picked up or with an order."""

from __future__ import annotations

from tercet_marketing.tools.contract import Tool
from tercet_marketing.tools.rules import Basket, Benefit, Numbers, Withheld, give
from tercet_marketing.tools.schemas import GIFTS, numbers


class Gift(Tool):
    """Gives its holder products."""

    code = "gift"
    display_name = "礼品 Gift"
    schema = numbers({"gifts": GIFTS}, ["gifts"])
    acts_on_orders = True

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """What the order holds of the products is taken off; the rest is to be added."""
        return give(numbers["gifts"], 1, basket)
