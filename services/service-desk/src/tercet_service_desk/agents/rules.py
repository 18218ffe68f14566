"""How much a ticket weighs, and what is kept of an agent for rules to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

AVAILABLE, AWAY, OFFLINE = "AVAILABLE", "AWAY", "OFFLINE"
PLAIN_WEIGHT = 1


@dataclass(frozen=True, slots=True)
class Weights:
    """The tenant's weights by type and priority; an empty part stands for any."""

    by_kind: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, type_code: str, priority: str) -> int:
        """What a ticket takes: type and priority together win over the type, the type over the priority."""
        for key in ((type_code, priority), (type_code, ""), ("", priority), ("", "")):
            if key in self.by_kind:
                return self.by_kind[key]
        return PLAIN_WEIGHT


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent in the eyes of the rules. `idle_since` orders those who wait for a ticket; 0 comes first."""

    id: UUID
    user_id: UUID
    unit_id: UUID | None = None
    skills: Mapping[str, int] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    capacity: int = 1
    presence: str = AVAILABLE
    idle_since: float = 0.0


def levels(skills: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Skill codes with their level; one without a level is basic."""
    return {str(skill["code"]): int(skill.get("level") or 1) for skill in skills}


def twice(skills: Sequence[Mapping[str, Any]]) -> str:
    """The first skill that is named twice; empty when none is."""
    seen: set[str] = set()
    for skill in skills:
        if skill["code"] in seen:
            return str(skill["code"])
        seen.add(skill["code"])
    return ""
