"""Tiers replayed from facts: the same facts give the same tier at every moment, so it can be asked as of any day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tercet_marketing.loyalty.rules import ZERO, midnight

_MONTHS = {"MONTH": 1, "QUARTER": 3, "HALF_YEAR": 6, "YEAR": 12}
NONE = -1


@dataclass(frozen=True, slots=True)
class Tier:
    """Reached at `threshold` in a period, kept with `keep_threshold` in the next."""

    code: str
    threshold: Decimal
    keep_threshold: Decimal
    multiplier: Decimal


@dataclass(frozen=True, slots=True)
class TierRule:
    """`tiers` from the lowest; `basis` POINTS or SPEND; periods are calendar ones in `zone`; whoever falls below keeps
    the tier for `grace_days` more, in which reaching it anew counts.
    """

    basis: str
    period: str
    grace_days: int
    zone: ZoneInfo
    tiers: tuple[Tier, ...]

    @classmethod
    def of(cls, value: Mapping[str, Any] | None, zone: ZoneInfo) -> TierRule:
        """A rule as the programme keeps it; without one there are no tiers."""
        value = value or {}
        tiers = tuple(_tier(one) for one in value.get("tiers", ()))
        return cls(
            value.get("basis", "POINTS"), value.get("period", "YEAR"), int(value.get("grace_days", 0)), zone, tiers
        )

    def multiplier(self, code: str) -> Decimal:
        """What the points of a member of the tier are multiplied by."""
        return next((tier.multiplier for tier in self.tiers if tier.code == code), Decimal(1))

    def start(self, moment: datetime) -> date:
        """First day of the period that a moment is in."""
        day = moment.astimezone(self.zone).date()
        months = _MONTHS[self.period]
        return date(day.year, (day.month - 1) // months * months + 1, 1)

    def next(self, start: date) -> date:
        """First day of the period after."""
        years, month = divmod(start.month - 1 + _MONTHS[self.period], 12)
        return date(start.year + years, month + 1, 1)

    def review(self, start: date) -> datetime:
        """When it is looked whether a period's figure keeps the tier: at its end, after the grace."""
        return midnight(self.next(start) + timedelta(days=self.grace_days), self.zone)


def _tier(value: Mapping[str, Any]) -> Tier:
    threshold = Decimal(value["threshold"])
    keep = value.get("keep_threshold")
    return Tier(value["code"], threshold, Decimal(keep) if keep else threshold, Decimal(value.get("multiplier") or 1))


class Fact(NamedTuple):
    """Something that counts. `period_time` says in which period: a return counts where its sale did."""

    occur_time: datetime
    period_time: datetime
    amount: Decimal


class TierChange(NamedTuple):
    """A tier that began; empty codes mean no tier."""

    time: datetime
    from_code: str
    to_code: str


class TierState(NamedTuple):
    """The tier at a moment, since when, and when it is looked at again; None when nothing can change by itself."""

    code: str
    since: datetime | None
    review_time: datetime | None
    changes: tuple[TierChange, ...]
    figure: Decimal


def replay(rule: TierRule, facts: Iterable[Fact], until: datetime) -> TierState:
    """The tier at `until`, and every change on the way. Up at once, down only at a review."""
    figures: dict[date, Decimal] = defaultdict(lambda: ZERO)
    changes: list[TierChange] = []
    # A tier that asks for nothing is everybody's from the beginning.
    level = base = _reached(rule.tiers, ZERO)

    def become(new: int, moment: datetime) -> None:
        nonlocal level
        if new != level:
            changes.append(TierChange(moment, _code(rule.tiers, level), _code(rule.tiers, new)))
            level = new

    due: date | None = None
    for moment, fact in _events(sorted(facts), until):
        while due is not None and rule.review(due) <= moment:
            become(_kept(rule, figures, due, level), rule.review(due))
            due = rule.next(due)
        if fact is None:
            break
        start = rule.start(fact.period_time)
        due = start if due is None else due
        figures[start] += fact.amount
        if start == rule.start(moment):
            become(max(level, _reached(rule.tiers, figures[start])), moment)
    return TierState(
        code=_code(rule.tiers, level),
        since=changes[-1].time if changes else None,
        review_time=rule.review(due) if due is not None and level > base else None,
        changes=tuple(changes),
        figure=figures[rule.start(until)],
    )


def _events(facts: Sequence[Fact], until: datetime) -> Iterator[tuple[datetime, Fact | None]]:
    for fact in facts:
        if fact.occur_time > until:
            break
        yield fact.occur_time, fact
    yield until, None


def _reached(tiers: Sequence[Tier], figure: Decimal) -> int:
    return max((at for at, tier in enumerate(tiers) if figure >= tier.threshold), default=NONE)


def _kept(rule: TierRule, figures: Mapping[date, Decimal], start: date, level: int) -> int:
    # What was reached anew while the grace ran counts as well.
    best = max(ZERO, figures.get(start, ZERO), figures.get(rule.next(start), ZERO))
    return max((at for at, tier in enumerate(rule.tiers) if at <= level and best >= tier.keep_threshold), default=NONE)


def _code(tiers: Sequence[Tier], level: int) -> str:
    return "" if level == NONE else tiers[level].code
