"""Who may read what, how hits are ordered, and which categories stand below which."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tercet_service_desk.knowledge.words import TITLE

AUDIENCES = ("PUBLIC", "CUSTOMERS", "AGENTS")
_TITLE_FACTOR = 1.5
# Articles to be weighed for a suggestion, and words to find them by.
_ENOUGH, _FEWEST, _MOST = 400, 3, 16


def audiences_up_to(audience: str) -> tuple[str, ...]:
    """What an audience reads: its own articles and those of the wider ones before it."""
    return AUDIENCES[: AUDIENCES.index(audience) + 1]


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody may read: audiences, and units whose articles are theirs (None: those of all units)."""

    audiences: tuple[str, ...]
    units: tuple[str, ...] | None

    def sees_units(self, unit_ids: Collection[str]) -> bool:
        """Whether articles for these units are theirs too."""
        return self.units is None or not unit_ids or not set(self.units).isdisjoint(unit_ids)


@dataclass(frozen=True, slots=True)
class Rarity:
    """How much each word tells: the fewer articles have it, the more."""

    total: int
    articles: Mapping[str, int]

    def of(self, word: str) -> float:
        """The weight of a word."""
        having = self.articles.get(word, 0)
        return math.log(1 + (max(self.total, having) - having + 0.5) / (having + 0.5))

    def choice(self, words: Sequence[str]) -> list[str]:
        """The words by which to look: rare ones first, as long as not too many articles have one of them. Words that
        nobody wrote are left out.
        """
        known = sorted((word for word in words if self.articles.get(word)), key=lambda word: self.articles[word])
        chosen: list[str] = []
        answering = 0
        for word in known:
            answering += self.articles[word]
            if len(chosen) >= _FEWEST and (answering > _ENOUGH or len(chosen) >= _MOST):
                break
            chosen.append(word)
        return chosen


def ranked(rows: Sequence[Any], words: Sequence[str], rarity: Rarity) -> list[tuple[float, Any]]:
    """Rows with the words they know, best first: rare words tell more than common ones, titles more than texts."""
    weights = {word: rarity.of(word) for word in words}
    whole = sum(weights.values()) * (1 + _TITLE_FACTOR) or 1.0

    def score(row: Any) -> float:
        known = row["known"]
        said = sum(weights.get(word, 0.0) for word in known)
        titled = sum(weights.get(word.removeprefix(TITLE), 0.0) for word in known if word.startswith(TITLE))
        return (said + _TITLE_FACTOR * titled) / whole

    return sorted(((score(row), row) for row in rows), key=lambda pair: (-pair[0], pair[1]["code"]))


def one_language_each(scored: Iterable[tuple[float, Any]], most: int) -> list[tuple[float, Any]]:
    """Of an article that was found in several languages only the best."""
    seen: dict[Any, tuple[float, Any]] = {}
    for score, row in scored:
        if row["article_id"] not in seen and len(seen) < most:
            seen[row["article_id"]] = (score, row)
    return list(seen.values())


def below(parents: Mapping[str, str], code: str) -> set[str]:
    """A category and all below it."""
    found = {code}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def next_review(reviewed: date | None, days: int) -> date | None:
    """When an article must be looked at again; None when never."""
    return reviewed + timedelta(days=days) if reviewed is not None and days else None
