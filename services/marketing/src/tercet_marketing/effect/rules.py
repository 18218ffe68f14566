"""Statistics of two groups, without a database: shares, means, their differences and 95 % intervals.

Shares: the score interval (Wilson 1927), and for a difference of two the hybrid score interval (Newcombe 1998, method
10). Means: Welch's interval with the Satterthwaite degrees of freedom. All hold for groups of different size, and the
last for groups of different spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import ceil, exp, lgamma, log, sqrt
from typing import NamedTuple

# The quantile of the normal distribution that leaves 2.5 % on either side, and that of 80 % power.
Z, Z_POWER = 1.959963984540054, 0.8416212335729143
# With fewer customers in a group nothing is called significant.
ENOUGH = 30


class Bounds(NamedTuple):
    """An interval."""

    low: float
    high: float


class MoneyBounds(NamedTuple):
    """An interval of an amount."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Sample:
    """Amounts of a group as sums: how many customers, those without an amount too, their sum and that of squares."""

    count: int
    total: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)

    @property
    def mean(self) -> Decimal:
        """Of each."""
        return self.total / self.count

    @property
    def variance(self) -> Decimal:
        """Of the sample, as an estimate for all; needs two."""
        return max((self.squares - self.total * self.total / self.count) / (self.count - 1), Decimal(0))


def share(converted: int, count: int) -> Bounds:
    """The interval of a share (Wilson); needs one customer."""
    rate, weight = converted / count, Z * Z / count
    middle = (rate + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * sqrt(rate * (1 - rate) / count + weight / (4 * count))
    # Rounding must not push the ends past what is possible.
    return Bounds(0.0 if converted == 0 else middle - half, 1.0 if converted == count else middle + half)


def share_difference(converted: int, count: int, other_converted: int, other_count: int) -> Bounds:
    """The interval of the difference of two shares, the first less the second (Newcombe); needs one customer each."""
    one, other = share(converted, count), share(other_converted, other_count)
    rate, other_rate = converted / count, other_converted / other_count
    difference = rate - other_rate
    below = sqrt((rate - one.low) ** 2 + (other.high - other_rate) ** 2)
    above = sqrt((one.high - rate) ** 2 + (other_rate - other.low) ** 2)
    return Bounds(difference - below, difference + above)


def mean_difference(one: Sample, other: Sample) -> MoneyBounds:
    """The interval of the difference of two means, the first less the second (Welch); needs two customers each."""
    difference = one.mean - other.mean
    part, other_part = one.variance / one.count, other.variance / other.count
    spread = part + other_part
    if not spread:
        return MoneyBounds(difference, difference)
    freedom = spread**2 / (part**2 / (one.count - 1) + other_part**2 / (other.count - 1))
    half = Decimal(repr(t_quantile(float(freedom)))) * spread.sqrt()
    return MoneyBounds(difference - half, difference + half)


@lru_cache(maxsize=1024)
def t_quantile(freedom: float) -> float:
    """The quantile of Student's distribution that leaves 2.5 % above."""
    low, high = 0.0, 1.0
    while _beyond(high, freedom) > 0.025:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _beyond(middle, freedom) > 0.025 else (low, middle)
    return (low + high) / 2


def _beyond(t: float, freedom: float) -> float:
    """How likely a value above t is."""
    return _beta_share(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction, from the front until nothing changes (Lentz)."""
    least = 1e-300
    upper, lower = 1.0, 1 / (1 - (a + b) * x / (a + 1) or least)
    value = lower
    for step in range(1, 10_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            lower = 1 / (1 + term * lower or least)
            upper = 1 + term / upper or least
            value *= lower * upper
        if abs(lower * upper - 1) < 1e-15:
            break
    return value


def needed(rate: float, other_rate: float) -> int:
    """How many customers each group needs to find a difference of shares as large as this four times in five."""
    spread = rate * (1 - rate) + other_rate * (1 - other_rate)
    return ceil((Z + Z_POWER) ** 2 * spread / (rate - other_rate) ** 2)


@dataclass(frozen=True, slots=True)
class Group:
    """Customers who are counted together."""

    count: int = 0
    open: int = 0
    converted: int = 0

    @property
    def rate(self) -> float:
        """The share that converted; 0 without customers."""
        return self.converted / self.count if self.count else 0.0


def excludes_zero(low: float | Decimal, high: float | Decimal) -> bool:
    """Whether an interval says that there is a difference."""
    return low > 0 or high < 0


def told_of_revenue(currency: str, lift: Decimal, bounds: MoneyBounds, treated: int, held_out: int, digits: int) -> str:
    """What can be said of the revenue, in words."""
    low, high, size = (f"{amount:.{digits}f}" for amount in (*bounds, abs(lift)))
    way = "less" if lift < 0 else "more"
    said = f"A treated customer brought {size} {currency} {way} than one held out, with 95 % between {low} and {high}"
    if excludes_zero(*bounds) and min(treated, held_out) >= ENOUGH:
        return f"{said}: this is no chance."
    return f"{said}: this may be chance."


def told(treated: Group, held_out: Group) -> list[str]:
    """What can be said of the conversion, and what cannot be said yet, in words."""
    said = [f"{held_out.count} customers were held out, {treated.count} were not."]
    if not held_out.count:
        return [*said, "Nobody was held out, so there is nothing to compare with: set holdout_percent."]
    if not treated.count:
        return [*said, "Nobody was reached yet, so there is nothing to compare."]
    still = treated.open + held_out.open
    if still:
        said.append(f"For {still} of them the days in which a conversion counts are not over.")
    sizes = {"treated": treated.count, "held out": held_out.count}
    small = {name: count for name, count in sizes.items() if count < ENOUGH}
    for name, count in small.items():
        said.append(f"Only {count} customers were {name}; with fewer than {ENOUGH} the intervals are wide and rough.")
    bounds = share_difference(treated.converted, treated.count, held_out.converted, held_out.count)
    rates = f"{treated.rate:.2%} of the treated and {held_out.rate:.2%} of the held out converted"
    if excludes_zero(*bounds) and not small:
        way = "more" if bounds.low > 0 else "fewer"
        return [*said, f"{rates}: {way} than chance explains."]
    said.append(f"{rates}: this difference may be chance.")
    if treated.rate != held_out.rate:
        each = needed(treated.rate, held_out.rate)
        said.append(f"To be sure of a difference as large as this, about {each} customers are needed in each group.")
    return said
