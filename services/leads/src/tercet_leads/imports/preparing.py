"""The pure half of an import: cells to a cleaned lead with its evidence, keys and search words. Knows no database, so
that it can run in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from tercet_chassis.search import index_words
from tercet_leads.identity.blocking import digests
from tercet_leads.identity.evidence import Evidence, Seen
from tercet_leads.imports.mapping import Mapped, Mapper
from tercet_leads.imports.tables import Row
from tercet_leads.leads.rules import Submission, Understood, is_empty, too_long, understand

# What stands between joined words; the same as where rows are written.
BETWEEN = "\x1f"
# A prepared row as it travels: plain values only, which pass between processes in a fraction of what objects take.
Prepared = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one import are read."""

    import_id: str
    header: tuple[str, ...]
    columns: tuple[dict[str, str], ...]
    zone: str
    country_code: str = ""
    # Fields whose words are searched, each with its class of personal data.
    searched: tuple[tuple[str, int], ...] = ()


class Preparer:
    """Prepares the rows of one import."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._zone = ZoneInfo(plan.zone)

    def mapper(self, now: datetime) -> Mapper:
        """What reads the cells; times after `now` are none."""
        return Mapper(self._plan.header, self._plan.columns, self._zone, now)

    def rows(self, rows: Sequence[Row], now: datetime) -> list[Prepared | None]:
        """What each row becomes, None where it cannot be taken as it stands."""
        mapper, width = self.mapper(now), len(self._plan.header)
        return [None if problem_of(row, width) else self._row(mapper.row(row.cells)) for row in rows]

    def _row(self, mapped: Mapped) -> Prepared:
        values = mapped.values
        if self._plan.country_code:
            values.setdefault("country_code", self._plan.country_code)
        sound = not is_empty(values) and too_long(values) is None
        return (
            values,
            orjson.dumps(mapped.raw),
            mapped.source,
            mapped.kind,
            mapped.occur_time,
            mapped.external_id,
            mapped.longitude,
            mapped.latitude,
            mapped.interests,
            mapped.custom,
            mapped.flags,
            self._understood(values, mapped.kind) if sound else None,
        )

    def _understood(self, values: dict[str, str], kind: str) -> Prepared:
        known = understand(values, kind)
        # Only what was understood goes on, unless the row is to be refused.
        values.clear()
        evidence = known.seen.evidence
        numbers = digests(evidence)
        words = {
            name: BETWEEN.join(index_words([(personal, text)]))
            for name, personal in self._plan.searched
            if (text := known.values.get(name))
        }
        return (
            (evidence.kind, evidence.values, evidence.keys, numbers, known.seen.person, known.seen.company),
            known.kind,
            known.values,
            known.findings,
            known.flags,
            known.junk,
            known.email_valid,
            known.identified,
            words,
        )


def problem_of(row: Row, width: int) -> str:
    """Why a row cannot be taken as it stands; empty when it can."""
    return row.problem or ("ROW_TOO_WIDE" if any(cell.strip() for cell in row.cells[width:]) else "")


def submission_of(prepared: Prepared) -> Submission:
    """A prepared row on its way into `admit`, made anew each time, since admission may be run again."""
    values, raw, source, kind, occur_time, external_id, longitude, latitude, interests, custom, flags, known = prepared
    return Submission(
        values=values,
        raw=raw,
        entry="IMPORT",
        kind=kind,
        external=("", external_id) if external_id else None,
        source_given=source,
        occur_time=occur_time,
        longitude=longitude,
        latitude=latitude,
        interests=interests,
        custom=custom,
        flags=flags,
        understood=None if known is None else _understood_of(known),
    )


def _understood_of(known: Prepared) -> Understood:
    (side, found, keys, numbers, person, company), kind, texts, findings, flags, junk, email, identified, words = known
    seen = Seen(Evidence(side, found, 1, keys, numbers), person, company)
    return Understood(seen, kind, texts, findings, flags, junk, email, identified, words)
