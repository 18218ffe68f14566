"""Rules of the tree: paths, who may stand below whom, and which zones there are."""

from __future__ import annotations

from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

TEAM = "TEAM"
DEEPEST = 12


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_known(zone: str) -> bool:
    """Whether the IANA database has the time zone."""
    return zone in _zones()


def path_of(id: UUID, parent_path: str) -> str:
    """Ids from the root to the unit, `/<root>/<unit>/`."""
    return f"{parent_path or '/'}{id}/"


def level_of(path: str) -> int:
    """1 for the root."""
    return path.count("/") - 1


def is_within(path: str, branch: str) -> bool:
    """Whether a unit is the branch's top or below it."""
    return path.startswith(branch)


def moved(path: str, before: str, after: str) -> str:
    """The path of a unit of a branch whose top went from `before` to `after`."""
    return after + path.removeprefix(before)


def may_stand_below(type_name: str, parent_type: str) -> bool:
    """Nothing but teams stands below a team; all else is a company's own choice."""
    return parent_type != TEAM or type_name == TEAM
