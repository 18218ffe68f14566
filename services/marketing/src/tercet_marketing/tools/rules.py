"""What a benefit takes off an order, to the smallest unit of the currency. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tercet_chassis.money import Money, minor_digits

Numbers = Mapping[str, Any]
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One line of an order. `amount` is what it came with, `left` what is still to pay after the benefits before."""

    line_no: int
    product_code: str
    quantity: Decimal
    amount: Money
    left: Money


@dataclass(frozen=True, slots=True)
class Basket:
    """An order as tools see it, all in one currency."""

    currency: str
    lines: tuple[BasketLine, ...]

    def within(self, numbers: Numbers) -> list[int]:
        """Positions of the lines that the numbers speak of: those of `products` without `excluded_products`."""
        only, never = set(numbers.get("products", ())), set(numbers.get("excluded_products", ()))
        return [
            at
            for at, line in enumerate(self.lines)
            if (not only or line.product_code in only) and line.product_code not in never
        ]

    def amount_of(self, positions: Sequence[int]) -> Money:
        """What the lines came with: thresholds are judged by it, so that no benefit hinders another."""
        return Money.sum((self.lines[at].amount for at in positions), self.currency)

    def left_of(self, positions: Sequence[int]) -> Money:
        """What is still to pay for the lines."""
        return Money.sum((self.lines[at].left for at in positions), self.currency)

    def less(self, shares: Sequence[Money]) -> Basket:
        """The order after a benefit."""
        lines = tuple(replace(line, left=line.left - share) for line, share in zip(self.lines, shares, strict=True))
        return Basket(self.currency, lines)

    def spread(self, amount: Money, positions: Sequence[int]) -> tuple[Money, ...]:
        """A share for every line: the amount over the lines at `positions`, in proportion to what is left of each.

        The shares add up to the amount exactly and none is more than its line has left; refuses more than is left.
        """
        zero = Money.zero(self.currency)
        shares = [zero] * len(self.lines)
        left = self.left_of(positions)
        if left < amount:
            raise ValueError(f"{amount} cannot be spread over {left}")
        if amount.amount:
            for at, part in zip(positions, split(amount, [self.lines[at].left for at in positions]), strict=True):
                shares[at] = part
        return tuple(shares)


@dataclass(frozen=True, slots=True)
class Gift:
    """A product that comes for nothing. `added` is how many the order does not hold yet."""

    product_code: str
    quantity: Decimal
    added: Decimal


@dataclass(frozen=True, slots=True)
class Benefit:
    """What a tool gives on an order: a share for every line, and gifts."""

    shares: tuple[Money, ...]
    gifts: tuple[Gift, ...] = ()

    @property
    def amount(self) -> Money:
        """What all lines get together."""
        return Money.sum(self.shares, self.shares[0].currency)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a tool gives nothing: a fact and a sentence."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with numbers: where in them, the fact, and a sentence that tells what to do."""

    path: str
    reason: str
    text: str


def split(amount: Money, weights: Sequence[Money]) -> list[Money]:
    """Parts in proportion to the weights that add up to the amount, by largest remainder; of equal remainders the first
    gets the unit. All are counted in smallest units as whole numbers, so nothing is rounded, however large they are.
    """
    unit = Decimal(1).scaleb(-minor_digits(amount.currency))
    units, counts = int(amount.amount / unit), [int(weight.amount / unit) for weight in weights]
    whole = sum(counts)
    parts = [units * count // whole for count in counts]
    order = sorted(range(len(counts)), key=lambda at: (-(units * counts[at] % whole), at))
    for at in order[: units - sum(parts)]:
        parts[at] += 1
    return [Money(unit * part, amount.currency) for part in parts]


def decimal_of(numbers: Numbers, name: str) -> Decimal | None:
    """A figure given as decimal text; None when it is not there."""
    value = numbers.get(name)
    return None if value is None else Decimal(str(value))


def floored(amount: Decimal, currency: str) -> Money:
    """An amount cut to the smallest unit: what is given is never more than was promised."""
    unit = Decimal(1).scaleb(-minor_digits(currency))
    return Money(amount.quantize(unit, rounding=ROUND_FLOOR), currency)


# -- reductions -------------------------------------------------------------------------------------------------------
def reduce(numbers: Numbers, basket: Basket) -> Benefit | Withheld:
    """Takes off an amount or a percentage, above a threshold, once or for each time it is reached, up to a most."""
    positions = basket.within(numbers)
    if not positions:
        return Withheld("NO_PRODUCT", "The order has none of the products that this is for.")
    whole, left = basket.amount_of(positions).amount, basket.left_of(positions)
    step, missing = _step(numbers, whole)
    if step is None:
        return Withheld("THRESHOLD_NOT_REACHED", f"{missing} {basket.currency} more are needed.")
    off, percent = decimal_of(step, "off"), decimal_of(step, "percent")
    if off is not None:
        amount = Money(off * _times(numbers, whole), basket.currency)
    else:
        amount = floored(left.amount * (percent or Decimal(0)) / HUNDRED, basket.currency)
    most = decimal_of(numbers, "most")
    if most is not None:
        amount = min(amount, Money(most, basket.currency))
    amount = min(amount, left)
    if not amount.amount:
        return Withheld("NOTHING_LEFT", "Nothing is left to take off.")
    return Benefit(basket.spread(amount, positions))


def most_off(numbers: Numbers) -> Decimal | None:
    """What a reduction takes off at most, whatever the order; None when only the order tells."""
    most = decimal_of(numbers, "most")
    offs = [decimal_of(step, "off") for step in numbers.get("steps") or [numbers]]
    fixed = [off for off in offs if off is not None]
    if len(fixed) < len(offs) or (numbers.get("repeat") and not numbers.get("times_max")):
        return most
    whole = max(fixed) * (int(numbers["times_max"]) if numbers.get("repeat") else 1)
    return whole if most is None else min(most, whole)


def _step(numbers: Numbers, whole: Decimal) -> tuple[Numbers | None, Decimal]:
    """The highest step that is reached, or None and what is missing to the lowest."""
    steps = numbers.get("steps") or [numbers]
    ranked = sorted(steps, key=lambda step: decimal_of(step, "threshold") or Decimal(0))
    reached = [step for step in ranked if (decimal_of(step, "threshold") or Decimal(0)) <= whole]
    lowest = decimal_of(ranked[0], "threshold") or Decimal(0)
    return (reached[-1], Decimal(0)) if reached else (None, lowest - whole)


def _times(numbers: Numbers, whole: Decimal) -> int:
    threshold = decimal_of(numbers, "threshold")
    if not numbers.get("repeat") or not threshold:
        return 1
    times = int(whole // threshold)
    most = numbers.get("times_max")
    return times if most is None else min(times, int(most))


def reduction_faults(numbers: Numbers, currency: str) -> list[Fault]:
    """What a schema cannot say of a reduction."""
    faults = amount_faults(numbers, currency, "threshold", "off", "most")
    if numbers.get("repeat") and not decimal_of(numbers, "threshold"):
        faults.append(Fault("threshold", "THRESHOLD_MISSING", "What repeats needs a threshold above zero."))
    if numbers.get("repeat") and "percent" in numbers:
        faults.append(Fault("repeat", "PERCENT_REPEATED", "A percentage does not repeat; leave out repeat."))
    faults += _off_faults(numbers, "")
    seen: set[Decimal] = set()
    for at, step in enumerate(numbers.get("steps", ())):
        path = f"steps[{at}]."
        faults += [
            Fault(path + fault.path, fault.reason, fault.text)
            for fault in amount_faults(step, currency, "threshold", "off")
        ]
        faults += _off_faults(step, path)
        threshold = decimal_of(step, "threshold") or Decimal(0)
        if threshold in seen:
            text = f"Two steps begin at {threshold}; give each a threshold of its own."
            faults.append(Fault(path + "threshold", "THRESHOLD_REPEATED", text))
        seen.add(threshold)
    return faults


def _off_faults(step: Numbers, path: str) -> list[Fault]:
    percent, off = decimal_of(step, "percent"), decimal_of(step, "off")
    if percent is not None and not 0 < percent <= HUNDRED:
        return [Fault(path + "percent", "PERCENT_INVALID", "Give a percentage above 0 and at most 100.")]
    if off is not None and off <= 0:
        return [Fault(path + "off", "AMOUNT_NOT_POSITIVE", "Give an amount above zero.")]
    return []


def amount_faults(numbers: Numbers, currency: str, *names: str) -> list[Fault]:
    """A fault for each amount that is finer than the currency, or has none."""
    faults = []
    for name in names:
        amount = decimal_of(numbers, name)
        if amount is None:
            continue
        if not currency:
            text = "An amount needs a currency; give the version's currency_code."
            faults.append(Fault(name, "CURRENCY_MISSING", text))
        elif floored(amount, currency).amount != amount:
            text = f"{amount} is finer than the smallest unit of {currency}; round it."
            faults.append(Fault(name, "AMOUNT_TOO_PRECISE", text))
    return faults


# -- gifts ------------------------------------------------------------------------------------------------------------
def give(gifts: Sequence[Numbers], times: int, basket: Basket) -> Benefit | Withheld:
    """Gives products for nothing: what the order holds of them is taken off, what it lacks is to be added."""
    zero = Money.zero(basket.currency)
    shares = [zero] * len(basket.lines)
    given: list[Gift] = []
    free = [line.quantity for line in basket.lines]
    for gift in gifts:
        code, wanted = str(gift["product_code"]), Decimal(str(gift.get("quantity", "1"))) * times
        open_ = wanted
        for at, line in enumerate(basket.lines):
            if line.product_code != code or open_ <= 0 or free[at] <= 0:
                continue
            taken = min(open_, free[at])
            if taken == line.quantity:
                shares[at] = line.left
            else:
                part = floored(line.left.amount * taken / line.quantity, basket.currency)
                shares[at] = min(shares[at] + part, line.left)
            free[at] -= taken
            open_ -= taken
        given.append(Gift(code, wanted, open_))
    return Benefit(tuple(shares), tuple(given))


def gifts_above(numbers: Numbers, basket: Basket) -> Benefit | Withheld:
    """Gifts for an order above a threshold, once or for each time it is reached."""
    positions = basket.within(numbers)
    if not positions:
        return Withheld("NO_PRODUCT", "The order has none of the products that this is for.")
    whole = basket.amount_of(positions).amount
    threshold = decimal_of(numbers, "threshold") or Decimal(0)
    if whole < threshold:
        return Withheld("THRESHOLD_NOT_REACHED", f"{threshold - whole} {basket.currency} more are needed.")
    return give(numbers["gifts"], _times(numbers, whole), basket)
