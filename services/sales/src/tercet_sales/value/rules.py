"""What a party is worth to a unit in a period: exact figures, thresholds and quadrants. Pure.

A sale counts in the period in which it happened; what came back of it is taken off there. A sale of which nothing is
left does not count.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet_chassis.money import Money

_DAY = Decimal(86400)


@dataclass(frozen=True, slots=True)
class Fact:
    """A transaction as value reads it: the sale it is or takes back, when that was, and the signed amount."""

    sale_id: UUID
    sale_time: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums that add up over the identities of a party."""

    count: int
    total: Decimal
    first_time: datetime | None
    last_time: datetime | None

    def __add__(self, other: Figures) -> Figures:
        first = [moment for moment in (self.first_time, other.first_time) if moment is not None]
        last = [moment for moment in (self.last_time, other.last_time) if moment is not None]
        return Figures(
            self.count + other.count, self.total + other.total, min(first, default=None), max(last, default=None)
        )

    def average(self, currency: str) -> Money | None:
        """Total by count, rounded half to even; None without a sale."""
        return Money(self.total / self.count, currency).rounded() if self.count else None

    def interval_days(self) -> Decimal | None:
        """Mean days from one sale to the next, to the hundredth; None below two sales."""
        if self.count < 2 or self.first_time is None or self.last_time is None:
            return None
        span = self.last_time - self.first_time
        seconds = Decimal(span.days) * _DAY + Decimal(span.seconds) + Decimal(span.microseconds) / 1_000_000
        return (seconds / _DAY / (self.count - 1)).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)


NOTHING = Figures(0, Decimal(0), None, None)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From here on an average is high, a count is frequent."""

    average: Decimal
    count: Decimal


def figures_of(facts: Iterable[Fact]) -> Figures:
    """The figures of one identity's transactions in one period."""
    left: dict[UUID, Decimal] = defaultdict(Decimal)
    when: dict[UUID, datetime] = {}
    for fact in facts:
        left[fact.sale_id] += fact.amount
        when[fact.sale_id] = fact.sale_time
    kept = [sale for sale, amount in left.items() if amount > 0]
    times = [when[sale] for sale in kept]
    return Figures(
        len(kept), sum((left[sale] for sale in kept), Decimal(0)), min(times, default=None), max(times, default=None)
    )


def quantile(values: Sequence[Decimal], share: Decimal) -> Decimal:
    """The value below which at least `share` of the values lie when they differ; the largest for a share of one.

    Refuses no values.
    """
    if not values:
        raise ValueError("a quantile needs values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def quantile_thresholds(
    parties: Sequence[Figures], currency: str, average_share: Decimal, count_share: Decimal
) -> Thresholds | None:
    """Thresholds at quantiles of the parties that bought; None when nobody did."""
    averages = [average.amount for figures in parties if (average := figures.average(currency)) is not None]
    counts = [Decimal(figures.count) for figures in parties if figures.count]
    if not averages:
        return None
    return Thresholds(quantile(averages, average_share), quantile(counts, count_share))


def quadrant(figures: Figures, currency: str, thresholds: Thresholds | None) -> str | None:
    """The quadrant's name; None without a sale or thresholds."""
    average = figures.average(currency)
    if average is None or thresholds is None:
        return None
    high, frequent = average.amount >= thresholds.average, figures.count >= thresholds.count
    if high:
        return "CORE" if frequent else "BIG_TICKET"
    return "FREQUENT" if frequent else "OCCASIONAL"


def period_of(day: date, kind: str) -> tuple[date, date]:
    """First and last day of the calendar month, quarter or year that holds the day."""
    if kind == "YEAR":
        return date(day.year, 1, 1), date(day.year, 12, 31)
    months = {"MONTH": 1, "QUARTER": 3}[kind]
    first_month = (day.month - 1) // months * months + 1
    last_month = first_month + months - 1
    return date(day.year, first_month, 1), date(day.year, last_month, monthrange(day.year, last_month)[1])


def instants(start: date, end: date, zone: str) -> tuple[datetime, datetime]:
    """The period as instants: from its first moment in the zone up to, not including, the moment it is over."""
    there = ZoneInfo(zone)
    begin = datetime.combine(start, time(), there).astimezone(UTC)
    return begin, datetime.combine(end + timedelta(days=1), time(), there).astimezone(UTC)


def day_in(moment: datetime, zone: str) -> date:
    """The calendar day of an instant in the zone."""
    return moment.astimezone(ZoneInfo(zone)).date()
