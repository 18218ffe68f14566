"""Permission patterns and reaches, without a database: what covers what, and what two of them have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Grant = tuple[str, str]
Relation = Literal["same", "below", "outside"]
ALL, OWN, UNIT, UNIT_BELOW = "all", "own", "unit", "unit_below"


def parts_of(pattern: str) -> tuple[str, str, str]:
    """`leads.*` -> `('leads', '*', '*')`: patterns always speak of service, resource and action."""
    service, resource, action = (*pattern.split("."), "*", "*")[:3]
    return service, resource, action


def pattern_covers(held: str, wanted: str) -> bool:
    """Whether every permission that `wanted` matches is matched by `held` too."""
    return all(mine in ("*", theirs) for mine, theirs in zip(parts_of(held), parts_of(wanted), strict=True))


def pattern_meet(one: str, other: str) -> str | None:
    """The pattern of what both match; None when they have nothing in common."""
    met: list[str] = []
    for mine, theirs in zip(parts_of(one), parts_of(other), strict=True):
        if "*" not in (mine, theirs) and mine != theirs:
            return None
        met.append(theirs if mine == "*" else mine)
    return ".".join(met)


def permits(grants: Iterable[Grant], permission: str, scope: str = "") -> bool:
    """Whether the permission is held, and with this reach when one is named."""
    return any(pattern_covers(pattern, permission) and scope in ("", reach) for pattern, reach in grants)


@dataclass(frozen=True, slots=True)
class Holding:
    """How the unit and the partner that a role is to be held for lie to those of whoever gives it."""

    unit: Relation = "same"
    same_partner: bool = True

    def scope_covers(self, held: str, wanted: str) -> bool:
        """Whether a reach held by the giver is at least the reach to be given."""
        if held == ALL or wanted == OWN:
            return True
        if wanted == UNIT:
            return (held == UNIT and self.unit == "same") or (held == UNIT_BELOW and self.unit != "outside")
        if wanted == UNIT_BELOW:
            return held == UNIT_BELOW and self.unit != "outside"
        if wanted == "partner":
            return held == "partner" and self.same_partner
        return held == wanted


SAME_PLACE = Holding()


def beyond(held: Sequence[Grant], wanted: Iterable[Grant], holding: Holding = SAME_PLACE) -> list[Grant]:
    """What of `wanted` goes beyond `held`; empty when nobody's power would grow."""
    return [
        (pattern, scope)
        for pattern, scope in wanted
        if not any(pattern_covers(mine, pattern) and holding.scope_covers(reach, scope) for mine, reach in held)
    ]


def narrowed(grants: Iterable[Grant], scopes: Sequence[str]) -> list[Grant]:
    """What of the grants lies within the patterns; all of them when there are no patterns."""
    grants = list(grants)
    if not scopes:
        return grants
    met = ((pattern_meet(pattern, scope), reach) for pattern, reach in grants for scope in scopes)
    return list(dict.fromkeys((pattern, reach) for pattern, reach in met if pattern is not None))
