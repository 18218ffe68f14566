"""The index of parties in memory: what the database store does, for tests, dry runs and measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tercet_leads.identity.blocking import CROWDED, strong_keys, weak_keys
from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.rules import Judgement, Model, best, judge, link_state


@dataclass(frozen=True, slots=True)
class Recognised:
    """The decision on one trace: its party, whether that party is new, how sure the link is, and what spoke for it."""

    party: int
    is_new: bool
    state: str
    judgement: Judgement | None


class PartyIndex:
    """Parties with their profiles and keys; decides trace after trace and never revises."""

    def __init__(self, models: Mapping[str, Model] | None = None) -> None:
        self.profiles: list[Evidence] = []
        self._holders: dict[str, list[int]] = {}
        self._models = models

    def candidates(self, keys: list[str]) -> tuple[list[int], dict[str, int]]:
        """Parties that hold one of the keys, crowded keys left out, and how many parties hold each key."""
        counts: dict[str, int] = {}
        found: dict[int, None] = {}
        for key in keys:
            held = self._holders.get(key)
            if held:
                counts[key] = len(held)
                if len(held) <= CROWDED:
                    for party in held:
                        found[party] = None
        return list(found), counts

    def recognise(self, trace: Evidence) -> Recognised:
        """The party a trace belongs to, or a new one."""
        keys = strong_keys(trace) + weak_keys(trace)
        parties, counts = self.candidates(keys)
        model = self._models[trace.kind] if self._models else None
        winner = best((party, judge(trace, self.profiles[party], counts, model)) for party in parties)
        if winner is not None:
            state = link_state(trace.kind, winner[1].score, model)
            if state != "UNRESOLVED":
                self.attach(winner[0], trace, keys)
                return Recognised(winner[0], False, state, winner[1])
        return Recognised(self.open(trace, keys), True, "CONFIRMED", winner[1] if winner else None)

    def open(self, trace: Evidence, keys: list[str]) -> int:
        """A new party with this trace as its first."""
        party = len(self.profiles)
        self.profiles.append(trace.copy())
        self._hold(party, keys)
        return party

    def attach(self, party: int, trace: Evidence, keys: list[str]) -> None:
        """The trace's values and keys to a party's."""
        self.profiles[party].absorb(trace)
        self._hold(party, keys)

    def _hold(self, party: int, keys: list[str]) -> None:
        for key in keys:
            held = self._holders.setdefault(key, [])
            if party not in held:
                held.append(party)
