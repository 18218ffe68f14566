"""Finding the source that a submission means, by code, path or name, and whether it counts on a day."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

UNKNOWN = "unknown"
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What intake needs to know of a source."""

    code: str
    display_name: str
    kind: str
    path: str
    start_date: date | None = None
    end_date: date | None = None

    def counts_on(self, day: date) -> bool:
        """Whether the day lies in its validity; both ends are included."""
        return (self.start_date is None or day >= self.start_date) and (self.end_date is None or day <= self.end_date)


NOWHERE = SourceFacts(UNKNOWN, UNKNOWN, "OTHER", f"{UNKNOWN}/")


def _key(given: str) -> str:
    return unicodedata.normalize("NFKC", given).strip().casefold()


class SourceBook:
    """All sources of a tenant by what people call them: the code, the display name or the path."""

    def __init__(self, sources: Iterable[SourceFacts]) -> None:
        self.by_code: dict[str, SourceFacts] = {}
        self._by_key: dict[str, SourceFacts] = {}
        for source in sources:
            self.by_code[source.code] = source
            # A code wins over a display name of the same spelling.
            self._by_key[_key(source.code)] = source
            self._by_key[_key(source.path.rstrip("/"))] = source
        for source in self.by_code.values():
            self._by_key.setdefault(_key(source.display_name), source)

    def find(self, given: str) -> SourceFacts | None:
        """The source meant, whatever the letter case or width; None when there is none of that name."""
        return self.by_code.get(given) or self._by_key.get(_key(given))


def path_of(code: str, parent_path: str) -> str:
    """Codes from the top down, each followed by a slash."""
    return f"{parent_path}{code}/"


def level_of(path: str) -> int:
    """1 at the top."""
    return path.count("/")


def moved(path: str, old: str, new: str) -> str:
    """The path of a source below another one whose path changed from `old` to `new`."""
    return new + path[len(old) :]
