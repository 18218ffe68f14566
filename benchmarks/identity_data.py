"""Reads a folder laid out as leads.csv, truth.csv and, for error analysis only, notes.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tercet_leads.cleaning import clean_lead
from tercet_leads.identity.evidence import Evidence, evidence_of


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled set: the leads in order of arrival, the truth, and notes that no matcher may read."""

    leads: list[dict[str, str]]
    truth: dict[str, str]
    notes: dict[str, tuple[frozenset[str], frozenset[str]]]


def read_folder(folder: Path) -> Labelled:
    """The set in a folder; refuses one without leads.csv or truth.csv."""
    leads = _rows(folder / "leads.csv")
    truth = {row["record_id"]: row["entity_id"] for row in _rows(folder / "truth.csv")}
    notes_file = folder / "notes.csv"
    notes = {
        row["record_id"]: (_set(row["hard_negative_groups"]), _set(row["corruptions"]))
        for row in (_rows(notes_file) if notes_file.exists() else [])
    }
    return Labelled(leads, truth, notes)


def evidences(leads: list[dict[str, str]]) -> list[Evidence]:
    """Every lead cleaned and brought to the form in which it is compared."""
    return [evidence_of(clean_lead(lead)) for lead in leads]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _set(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split("|")))
