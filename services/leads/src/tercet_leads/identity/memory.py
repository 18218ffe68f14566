"""Parties in memory: the working set in which a batch is decided, and a whole index for tests, dry runs and
measurement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from tercet_leads.identity.blocking import CROWDED, all_keys
from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.rules import CONFIRMED, UNRESOLVED, Judgement, Model, best, judge, link_state

P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Decision(Generic[P]):
    """On one trace: its party, whether that party is new, how sure the link is, and what spoke for it or for the
    nearest other."""

    party: P
    is_new: bool
    state: str
    judgement: Judgement | None
    nearest: P | None = None


class PartyIndex(Generic[P]):
    """Parties with their profiles and keys; decides trace after trace and never revises."""

    def __init__(self, new_party: Callable[[], P], models: Mapping[str, Model] | None = None) -> None:
        self.profiles: dict[P, Evidence] = {}
        self.loaded: set[tuple[str, P]] = set()
        self._holders: dict[str, list[P]] = {}
        self._new_party = new_party
        self._models = models

    def load(self, profiles: Mapping[P, Evidence], holders: Collection[tuple[str, P]]) -> None:
        """Takes over what a database knows of the parties that share keys with a batch."""
        self.profiles.update(profiles)
        self.loaded.update(holders)
        for key, party in holders:
            self._holders.setdefault(key, []).append(party)

    def candidates(self, keys: list[str]) -> tuple[list[P], dict[str, int]]:
        """Parties that hold one of the keys, crowded keys left out, and how many parties hold each key."""
        counts: dict[str, int] = {}
        found: dict[P, None] = {}
        for key in keys:
            held = self._holders.get(key)
            if held:
                counts[key] = len(held)
                if len(held) <= CROWDED:
                    found.update(dict.fromkeys(held))
        return list(found), counts

    def ranked(self, trace: Evidence) -> list[tuple[P, Judgement]]:
        """Every candidate that nothing forbids, the likeliest first."""
        parties, counts = self.candidates(all_keys(trace))
        judged = [(party, judge(trace, self.profiles[party], counts, self._model(trace))) for party in parties]
        return sorted((pair for pair in judged if not pair[1].vetoed), key=lambda pair: -pair[1].score)

    def recognise(self, trace: Evidence) -> Decision[P]:
        """The party a trace belongs to, or a new one; the trace is kept there."""
        keys = all_keys(trace)
        parties, counts = self.candidates(keys)
        model = self._model(trace)
        winner = best((party, judge(trace, self.profiles[party], counts, model)) for party in parties)
        if winner is not None:
            party, judgement = winner
            state = link_state(trace.kind, judgement.score, model)
            if state != UNRESOLVED:
                self.attach(party, trace, keys)
                return Decision(party, False, state, judgement)
            return Decision(self.open(trace, keys), True, CONFIRMED, judgement, party)
        return Decision(self.open(trace, keys), True, CONFIRMED, None)

    def open(self, trace: Evidence, keys: list[str]) -> P:
        """A new party with this trace as its first."""
        party = self._new_party()
        self.profiles[party] = trace.copy()
        self._hold(party, keys)
        return party

    def attach(self, party: P, trace: Evidence, keys: list[str]) -> None:
        """The trace's values and keys to a party's."""
        self.profiles[party].absorb(trace)
        self._hold(party, keys)

    def _model(self, trace: Evidence) -> Model | None:
        return self._models[trace.kind] if self._models else None

    def _hold(self, party: P, keys: list[str]) -> None:
        for key in keys:
            held = self._holders.setdefault(key, [])
            if party not in held:
                held.append(party)


def numbered(models: Mapping[str, Model] | None = None) -> PartyIndex[int]:
    """An index whose parties are 0, 1, 2, …"""
    return PartyIndex(count().__next__, models)
