"""Where a party goes next in a lifecycle, and for how long it stays. Pure.

The first stage whose condition holds wins, of those that may follow on the present one; the present one is among them.
Where none holds, everybody stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

RULE, MANUAL, STAGE_REMOVED = "RULE", "MANUAL", "STAGE_REMOVED"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `next_codes` are those that may follow; empty when any may."""

    code: str
    category: str = ""
    min_days: int = 0
    next_codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a party is, since when, and until when a person has it stay."""

    stage_code: str = ""
    stage_time: datetime | None = None
    pin_end_time: datetime | None = None


def stage_of(stages: Iterable[Stage], code: str) -> Stage | None:
    """The stage of a code."""
    return next((stage for stage in stages if stage.code == code), None)


def held_until(stages: Sequence[Stage], place: Place, now: datetime) -> datetime | None:
    """Until when no rule may move the party; None when one may. Nothing holds at a stage that there is no more."""
    stage = stage_of(stages, place.stage_code)
    if stage is None:
        return None
    ends = [place.pin_end_time]
    if place.stage_time is not None and stage.min_days:
        ends.append(place.stage_time + timedelta(days=stage.min_days))
    return max((end for end in ends if end is not None and end > now), default=None)


def reachable(stages: Sequence[Stage], place: Place) -> list[Stage]:
    """The present stage and those that may follow on it, in order."""
    present = stage_of(stages, place.stage_code)
    if present is None or not present.next_codes:
        return list(stages)
    return [stage for stage in stages if stage is present or stage.code in present.next_codes]


def way(stages: Sequence[Stage], place: Place, fits: Callable[[Stage], bool], now: datetime) -> list[Stage]:
    """The stages that the party goes through now, one after the other; empty when it stays.

    It ends: whoever leaves a stage that fits goes to an earlier one that fits, and nobody goes to one that does not.
    """
    gone: list[Stage] = []
    while held_until(stages, place, now) is None:
        chosen = next((stage for stage in reachable(stages, place) if fits(stage)), None)
        if chosen is None or chosen.code == place.stage_code:
            break
        gone.append(chosen)
        place = Place(chosen.code, now)
    return gone


def asked(stages: Sequence[Stage], place: Place, fits: Callable[[Stage], bool]) -> list[Stage]:
    """The stages whose conditions decide whether the party stays: up to the first that holds."""
    found = []
    for stage in reachable(stages, place):
        found.append(stage)
        if fits(stage):
            break
    return found


Position = TypeVar("Position", bound=Any)


def leading(stages: Sequence[Stage], positions: Sequence[Position]) -> Position | None:
    """Of the positions that a party's identities brought along, the one that counts: the one that did before; where a
    merge brings several together, the one that is pinned longest, else furthest to the front, else the oldest. The
    others rest as they are until their identity goes its own way again.
    """
    ranks = {stage.code: rank for rank, stage in enumerate(stages)}

    def order(one: Position) -> tuple[float, int, datetime, str]:
        pinned = one.pin_end_time.timestamp() if one.pin_end_time else 0.0
        return -pinned, ranks.get(one.stage_code, len(ranks)), one.create_time, str(one.id)

    return min([one for one in positions if not one.resting] or positions, key=order, default=None)
