"""Recognising a batch: lock its keys, read what is known, decide trace after trace, write everything at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_leads.cleaning import CleanLead
from tercet_leads.identity import store
from tercet_leads.identity.blocking import CROWDED, all_keys, strong_keys
from tercet_leads.identity.evidence import Evidence, evidence_of
from tercet_leads.identity.memory import Decision, PartyIndex
from tercet_leads.identity.model import ACTIVE, KINDS, Identity, Party, emails_of, phones_of
from tercet_leads.identity.rules import CONFIRMED, UNRESOLVED, Judgement, explain, link_state


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing to recognise: what was understood of it, its identity id if it has one already, and what left it."""

    lead: CleanLead
    identity_id: UUID | None = None
    origin: str = "lead"
    origin_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """Who a trace is: its identity, its party, how sure that is, and why."""

    identity_id: UUID
    party_id: UUID
    link_state: str
    is_new_party: bool
    score: float
    explanation: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody a trace might be."""

    party_id: UUID
    link_state: str
    score: float
    explanation: list[dict[str, Any]]


async def recognise(tx: Tx, traces: Sequence[Trace]) -> list[Recognition]:
    """Finds or opens the party of each trace, in order, and keeps the traces; the caller's transaction commits.

    Batches that share a key, a weak one too, decide one after the other, so that what comes at the same moment becomes
    one party as if it came in turn. A trace whose identity is known already stays with its party, which learns what
    is new. Refuses nothing.
    """
    evidences = [evidence_of(trace.lead) for trace in traces]
    await store.lock_keys(tx, (key for evidence in evidences for key in all_keys(evidence)))
    known = await store.identities_by_id(tx, [trace.identity_id for trace in traces if trace.identity_id])
    index = await _index(tx, evidences, {identity.party_id for identity in known.values()})
    batch = _Batch(index)
    found: list[Recognition] = []
    for trace, evidence in zip(traces, evidences, strict=True):
        identity = known.get(trace.identity_id) if trace.identity_id else None
        found.append(batch.again(identity, trace, evidence) if identity else batch.first(trace, evidence))
    await batch.write(tx)
    return found


async def candidates(tx: Tx, lead: CleanLead, limit: int = 10) -> list[Candidate]:
    """Who a lead might be, the likeliest first, nothing written. Leaves out what is forbidden or hopeless."""
    evidence = evidence_of(lead)
    index = await _index(tx, [evidence], set())
    ranked = [(party, judgement) for party, judgement in index.ranked(evidence) if judgement.score > -4.0][:limit]
    return [
        Candidate(
            party,
            link_state(evidence.kind, judgement.score),
            round(judgement.score, 2),
            _explained(evidence, judgement),
        )
        for party, judgement in ranked
    ]


async def _index(tx: Tx, evidences: Sequence[Evidence], also: set[UUID]) -> PartyIndex[UUID]:
    keys = dict.fromkeys(key for evidence in evidences for key in all_keys(evidence))
    held = await store.holders(tx, list(keys))
    # Who holds only crowded keys is no candidate, so that profile is not read.
    counts = Counter(key for key, _ in held)
    wanted = {party for key, party in held if counts[key] <= CROWDED} | also
    index: PartyIndex[UUID] = PartyIndex(new_id)
    index.load(await store.profiles(tx, list(wanted)), held)
    return index


def _explained(evidence: Evidence, judgement: Judgement | None) -> list[dict[str, Any]]:
    if judgement is None:
        return []
    parts = explain(evidence.kind, judgement.agreements)
    return [{"feature": part.feature, "agreement": part.agreement, "weight": part.weight} for part in parts]


class _Batch:
    """What a batch decided, gathered so that it is written in a handful of statements."""

    def __init__(self, index: PartyIndex[UUID]) -> None:
        self._index = index
        self._identities: list[dict[str, Any]] = []
        self._opened: dict[UUID, dict[str, Any]] = {}
        self._grown: dict[UUID, dict[str, Any]] = {}
        self._keys: dict[tuple[str, UUID], None] = {}

    def first(self, trace: Trace, evidence: Evidence) -> Recognition:
        """A trace that was never seen."""
        decision: Decision[UUID] = self._index.recognise(evidence)
        state = decision.state
        if decision.is_new and not strong_keys(evidence):
            state = UNRESOLVED  # nothing that would recognise it again by itself
        score = round(decision.judgement.score, 2) if decision.judgement and not decision.is_new else 0.0
        explanation = _explained(evidence, decision.judgement)
        identity_id = trace.identity_id or new_id()
        self._keep(decision.party, decision.is_new, evidence, trace.lead, joined=1)
        self._identities.append(
            {
                "id": identity_id,
                "party_id": decision.party,
                "kind": KINDS[evidence.kind],
                "link_state": state,
                "move_version": 0,
                "display_name": trace.lead.person.value,
                "company_name": trace.lead.company.value,
                "phones": phones_of(evidence),
                "emails": emails_of(evidence),
                "origin": trace.origin,
                "origin_id": trace.origin_id,
                "score": score,
                "explanation": [] if decision.is_new else explanation,
                "evidence": evidence.to_json(),
                "decided_by": "RULES",
            }
        )
        return Recognition(identity_id, decision.party, state, decision.is_new, score, explanation)

    def again(self, identity: Identity, trace: Trace, evidence: Evidence) -> Recognition:
        """A trace that is known: it says something new and stays where it is."""
        before = identity.comparable()
        before.absorb(Evidence(evidence.kind, evidence.values, 0))
        identity.evidence, identity.phones, identity.emails = before.to_json(), phones_of(before), emails_of(before)
        identity.display_name = trace.lead.person.value or identity.display_name
        identity.company_name = trace.lead.company.value or identity.company_name
        self._index.attach(identity.party_id, Evidence(evidence.kind, evidence.values, 0), all_keys(evidence))
        self._keep(identity.party_id, False, evidence, trace.lead, joined=0)
        return Recognition(
            identity.id, identity.party_id, identity.link_state, False, identity.score, list(identity.explanation)
        )

    def _keep(self, party_id: UUID, is_new: bool, evidence: Evidence, lead: CleanLead, *, joined: int) -> None:
        known = () if is_new else self._index.loaded
        self._keys.update(dict.fromkeys(pair for key in all_keys(evidence) if (pair := (key, party_id)) not in known))
        if is_new:
            self._opened[party_id] = {"id": party_id, "kind": KINDS[evidence.kind], "state": ACTIVE, "joined": 0}
        row = self._opened.get(party_id) or self._grown.setdefault(party_id, {"id": party_id, "joined": 0})
        row["joined"] += joined
        row["display_name"] = lead.person.value or row.get("display_name", "")
        row["company_name"] = lead.company.value or row.get("company_name", "")

    async def write(self, tx: Tx) -> None:
        """Writes parties, identities and keys."""
        for party_id, row in (*self._opened.items(), *self._grown.items()):
            profile = self._index.profiles[party_id]
            row.update(evidence=profile.to_json(), phones=phones_of(profile), emails=emails_of(profile))
        opened = [
            {
                **{name: value for name, value in row.items() if name != "joined"},
                "member_count": row["joined"],
                "merged_into_id": None,
            }
            for row in self._opened.values()
        ]
        await store.insert(tx, Party, opened)
        await store.update_parties(tx, sorted(self._grown.values(), key=lambda row: str(row["id"])))
        await store.insert(tx, Identity, self._identities)
        await store.add_keys(tx, list(self._keys))


__all__ = ["CONFIRMED", "UNRESOLVED", "Candidate", "Recognition", "Trace", "candidates", "recognise"]
