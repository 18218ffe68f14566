"""What orders segments that speak of each other, and what a change may touch. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

SEGMENTS = "segments."
FACTS = "facts."


def asked_segments(reads: Iterable[str]) -> set[str]:
    """Codes of the segments that a condition speaks of."""
    return {path.removeprefix(SEGMENTS) for path in reads if path.startswith(SEGMENTS)}


def asked_facts(reads: Iterable[str]) -> set[str]:
    """Kinds of facts that a condition counts."""
    return {path.removeprefix(FACTS) for path in reads if path.startswith(FACTS)}


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
