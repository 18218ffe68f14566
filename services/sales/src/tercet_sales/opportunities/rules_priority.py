"""The order in which to work on opportunities on one day: always the same for the same data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

SOON = timedelta(days=7)
QUIET = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the order looks at. `amount` is in reporting currency, so that amounts can be compared."""

    id: str
    next_step_date: date | None = None
    expected_close_date: date | None = None
    certainty_code: str = ""
    certainty_rank: int = 0
    probability: int = 0
    amount: Decimal | None = None
    last_activity_date: date | None = None


@dataclass(frozen=True, slots=True)
class Priority:
    """An opportunity's place and the reasons for it, weightiest first."""

    standing: Standing
    reasons: tuple[str, ...]


def _urgency(standing: Standing, today: date) -> tuple[bool, bool, bool, bool]:
    overdue = standing.next_step_date is not None and standing.next_step_date < today
    due = standing.next_step_date == today
    late = standing.expected_close_date is not None and standing.expected_close_date < today
    soon = standing.expected_close_date is not None and not late and standing.expected_close_date <= today + SOON
    return overdue, due, late, soon


def _reasons(standing: Standing, today: date) -> tuple[str, ...]:
    names = ("next_step_overdue", "next_step_today", "close_date_passed", "closes_soon")
    reasons = [name for name, applies in zip(names, _urgency(standing, today), strict=True) if applies]
    if standing.certainty_code:
        reasons.append(f"certainty:{standing.certainty_code}")
    if standing.next_step_date is None:
        reasons.append("nothing_planned")
    if standing.last_activity_date is None or standing.last_activity_date < today - QUIET:
        reasons.append("quiet")
    return tuple(reasons)


def _key(standing: Standing, today: date) -> tuple[object, ...]:
    return (
        *(not applies for applies in _urgency(standing, today)),
        -standing.certainty_rank,
        -standing.probability,
        -(standing.amount or Decimal(0)),
        standing.expected_close_date or date.max,
        standing.id,
    )


def prioritised(standings: Iterable[Standing], today: date) -> list[Priority]:
    """In order: next step overdue or due today, close date passed or near, then certainty, probability and amount."""
    return [Priority(item, _reasons(item, today)) for item in sorted(standings, key=lambda item: _key(item, today))]
