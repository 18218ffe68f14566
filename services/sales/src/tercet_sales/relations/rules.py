"""Periods of relations, which of them exclude each other, and whether a hierarchy closes on itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class KindRules:
    """How relations of one kind behave."""

    code: str
    exclusive: bool = False
    hierarchical: bool = False


BUILT_IN: Mapping[str, KindRules] = {
    kind.code: kind
    for kind in (
        KindRules("dealer_of"),
        KindRules("store_of", exclusive=True, hierarchical=True),
        KindRules("subsidiary_of", exclusive=True, hierarchical=True),
        KindRules("headquarters_of", hierarchical=True),
        KindRules("guide_of"),
        KindRules("provider_of"),
    )
}


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` to `end`, both included; None is open."""

    start: date | None = None
    end: date | None = None

    @property
    def valid(self) -> bool:
        """Whether it has any day."""
        return self.start is None or self.end is None or self.start <= self.end

    def meets(self, other: Period) -> Period | None:
        """The days that both have, or None."""
        starts = [day for day in (self.start, other.start) if day is not None]
        ends = [day for day in (self.end, other.end) if day is not None]
        common = Period(max(starts, default=None), min(ends, default=None))
        return common if common.valid else None

    def holds_on(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.meets(Period(day, day)) is not None


@dataclass(frozen=True, slots=True)
class Edge:
    """One relation of a kind as the rules see it."""

    id: UUID
    start_party: UUID
    end_party: UUID
    period: Period


def overlapping(kind: KindRules, new: Edge, others: Iterable[Edge]) -> Edge | None:
    """The first other that says the same on some day, or, of an exclusive kind, leaves the first party no room."""
    for other in others:
        same = other.start_party == new.start_party and (kind.exclusive or other.end_party == new.end_party)
        if same and other.id != new.id and other.period.meets(new.period):
            return other
    return None


def circle(new: Edge, others: Iterable[Edge]) -> tuple[UUID, ...] | None:
    """The parties of a circle that `new` would close on at least one day, from its first party round to it again."""
    onward: dict[UUID, list[Edge]] = {}
    for other in others:
        if other.id != new.id:
            onward.setdefault(other.start_party, []).append(other)
    # A party may be reached over several ways that hold on different days, so what is remembered is party and days.
    waiting: deque[tuple[UUID, Period, tuple[UUID, ...]]] = deque(
        [(new.end_party, new.period, (new.start_party, new.end_party))]
    )
    seen: set[tuple[UUID, Period]] = set()
    while waiting:
        party, days, path = waiting.popleft()
        if party == new.start_party:
            return path
        if (party, days) in seen:
            continue
        seen.add((party, days))
        for edge in onward.get(party, ()):
            common = days.meets(edge.period)
            if common is not None:
                waiting.append((edge.end_party, common, (*path, edge.end_party)))
    return None
