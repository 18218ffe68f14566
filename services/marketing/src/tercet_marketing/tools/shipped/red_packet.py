"""Red packet (红包): an amount of its own, fixed or drawn, paid out or taken off an order."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from uuid import UUID

from tercet_chassis.money import Money, minor_digits
from tercet_marketing.tools.contract import Drawn, Tool
from tercet_marketing.tools.rules import (
    Basket,
    Benefit,
    Fault,
    Numbers,
    Withheld,
    amount_faults,
    decimal_of,
)
from tercet_marketing.tools.schemas import config_code, decimal, numbers


def drawn(grant_id: UUID, least: Decimal, most: Decimal, currency: str) -> Money:
    """The amount of one packet between two bounds, each smallest unit as likely as any other; the same packet always
    holds the same, so that issuing it again draws nothing new.
    """
    unit = Decimal(1).scaleb(-minor_digits(currency))
    steps = int((most - least) / unit) + 1
    digest = hashlib.sha256(b"red-packet" + grant_id.bytes).digest()
    return Money(least + unit * (int.from_bytes(digest, "big") % steps), currency)


class RedPacket(Tool):
    """Holds an amount of money."""

    code = "red_packet"
    display_name = "红包 Red packet"
    schema = numbers(
        {
            "amount": decimal("Amount of every packet"),
            "amount_min": decimal("Least amount that is drawn"),
            "amount_max": decimal("Most that is drawn"),
            "paid_by": config_code("Payout account or payer; without one it is taken off an order"),
        },
        [],
        oneOf=[{"required": ["amount"]}, {"required": ["amount_min", "amount_max"]}],
    )
    acts_on_orders = True
    spends_at_issue = True

    def check(self, numbers: Numbers, currency: str) -> list[Fault]:
        """Amounts are above zero and fit the currency; the least is not above the most."""
        faults = amount_faults(numbers, currency, "amount", "amount_min", "amount_max")
        for name in ("amount", "amount_min"):
            if decimal_of(numbers, name) == 0:
                faults.append(Fault(name, "AMOUNT_NOT_POSITIVE", "Give an amount above zero."))
        least, most = decimal_of(numbers, "amount_min"), decimal_of(numbers, "amount_max")
        if least is not None and most is not None and least > most:
            faults.append(Fault("amount_max", "BOUNDS_CROSSED", "The most must not be below the least."))
        return faults

    def evaluate(self, numbers: Numbers, basket: Basket) -> Benefit | Withheld:
        """Takes its amount off, at most what is left. The grant's numbers hold the drawn amount."""
        if self.paid_by(numbers):
            return Withheld("PAID_OUT", "It is paid into its holder's wallet.")
        every = range(len(basket.lines))
        left = basket.left_of(every)
        amount = min(Money(decimal_of(numbers, "amount") or Decimal(0), basket.currency), left)
        if not amount.amount:
            return Withheld("NOTHING_LEFT", "Nothing is left to take off.")
        return Benefit(basket.spread(amount, every))

    def draw(self, grant_id: UUID, numbers: Numbers, currency: str) -> Drawn:
        """Settles what the packet holds."""
        least, most = decimal_of(numbers, "amount_min"), decimal_of(numbers, "amount_max")
        if least is None or most is None:
            return Drawn(Money(decimal_of(numbers, "amount") or Decimal(0), currency))
        face = drawn(grant_id, least, most, currency)
        kept = {name: value for name, value in numbers.items() if name not in ("amount_min", "amount_max")}
        return Drawn(face, {**kept, "amount": face.text()})

    def paid_by(self, numbers: Numbers) -> str:
        """As the policy says."""
        return str(numbers.get("paid_by", ""))
