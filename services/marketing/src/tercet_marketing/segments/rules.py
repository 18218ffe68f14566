"""What orders segments that speak of each other, and what a change may touch. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SEGMENTS = "segments."
FACTS = "facts."
ANY_TAG = "*"
# Stages may follow from tags, and what profiles show of them is asked under this name.
STAGES, STAGE = "the lifecycle", "lifecycle_code"


@dataclass(frozen=True, slots=True)
class Asking:
    """What a segment asks, the tags among it by code, and the tag that its members carry."""

    reads: frozenset[str]
    tags: frozenset[str]
    tag_code: str


def asked_segments(reads: Iterable[str]) -> set[str]:
    """Codes of the segments that a condition speaks of."""
    return {path.removeprefix(SEGMENTS) for path in reads if path.startswith(SEGMENTS)}


def asked_facts(reads: Iterable[str]) -> set[str]:
    """Kinds of facts that a condition counts."""
    return {path.removeprefix(FACTS) for path in reads if path.startswith(FACTS)}


def asked_tags(condition: Any) -> frozenset[str]:
    """Codes of the tags that a condition, as JSON, speaks of; `ANY_TAG` when it may be any."""
    match condition:
        case {"path": "tag_codes", "value": str(code)}:
            return frozenset({code})
        case {"path": "tag_codes"} | {"some": {"of": "tags"}}:
            return frozenset({ANY_TAG})
        case dict():
            return asked_tags(list(condition.values()))
        case list():
            return frozenset[str]().union(*(asked_tags(each) for each in condition))
    return frozenset()


def follows_from(asking: Mapping[str, Asking]) -> dict[str, set[str]]:
    """What each segment waits for: segments it speaks of, those whose tags it asks, and stages, which wait for all
    tags.
    """
    givers = {code: one.tag_code for code, one in asking.items() if one.tag_code}
    found: dict[str, set[str]] = {STAGES: set(givers)}
    for code, one in asking.items():
        tagging = {giver for giver, tag in givers.items() if tag in one.tags or ANY_TAG in one.tags}
        found[code] = asked_segments(one.reads) | tagging | ({STAGES} if STAGE in one.reads else set())
    return found


def circle(code: str, asks: Mapping[str, Collection[str]]) -> list[str]:
    """The way from a segment back to itself; empty when there is none."""

    def search(at: str, way: list[str]) -> list[str]:
        for following in sorted(asks.get(at, ())):
            if following == code:
                return [*way, following]
            if following not in way:
                found = search(following, [*way, following])
                if found:
                    return found
        return []

    return search(code, [code])


def in_order(asks: Mapping[str, Collection[str]], wanted: Iterable[str]) -> list[str]:
    """The wanted segments and all that follow from them, each after those it speaks of."""
    touched = set(wanted)
    growing = True
    while growing:
        more = {code for code, asked in asks.items() if code not in touched and touched.intersection(asked)}
        touched |= more
        growing = bool(more)
    ordered: list[str] = []
    seen: set[str] = set()

    def visit(code: str) -> None:
        if code in seen or code not in asks:
            return
        seen.add(code)
        for asked in sorted(asks[code]):
            visit(asked)
        if code in touched:
            ordered.append(code)

    for code in sorted(touched):
        visit(code)
    return ordered
