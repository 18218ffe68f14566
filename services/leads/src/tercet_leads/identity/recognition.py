"""Recognising a batch: lock its keys, read what is known, decide trace after trace, write everything at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_leads.cleaning import CleanLead
from tercet_leads.identity import kinds, store
from tercet_leads.identity.blocking import CROWDED, all_keys, digests, strong_keys
from tercet_leads.identity.evidence import Evidence, Seen, seen_of
from tercet_leads.identity.memory import Decision, PartyIndex
from tercet_leads.identity.model import ACTIVE, KINDS, Identity, Party, emails_of, phones_of
from tercet_leads.identity.rules import CONFIRMED, UNRESOLVED, Judgement, explain, link_state

# After so many traces whoever else calls the service has a turn.
_BREATH = 100


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing to recognise: what was understood of it, its identity id if it has one already, and what left it."""

    lead: CleanLead | Seen
    identity_id: UUID | None = None
    origin: str = "lead"
    origin_id: UUID | None = None
    # Somebody said whether it is a person or a company; otherwise that is worked out.
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Recognition:
    """Who a trace is: its identity, its party, how sure that is, and why."""

    identity_id: UUID
    party_id: UUID
    link_state: str
    is_new_party: bool
    score: float
    # What is known of the reasons; they are only put into words for whoever asks.
    kind: str = ""
    judgement: Judgement | None = None
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def explanation(self) -> list[dict[str, Any]]:
        """The reasons, the weightiest first."""
        return self.told or _explained(self.kind, self.judgement)


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
    is new; only one that is declared to be of the other kind may leave it. Refuses nothing.
    """
    found, batch = await decide(tx, traces)
    await batch.write(tx)
    await tx.flush()
    return found


async def decide(tx: Tx, traces: Sequence[Trace]) -> tuple[list[Recognition], Batch]:
    """What `recognise` finds, and what is to be written for it before the transaction reads about parties again."""
    seen = [seen_of(trace.lead) for trace in traces]
    by_digest = {
        number: key for one in seen for number, key in zip(digests(one.evidence), all_keys(one.evidence), strict=True)
    }
    await store.lock_keys(tx, by_digest)
    known = await store.identities_by_id(tx, [trace.identity_id for trace in traces if trace.identity_id])
    for number, trace in enumerate(traces if known else ()):
        if trace.identity_id is not None and (identity := known.get(trace.identity_id)) is not None:
            seen[number] = await kinds.settled(tx, identity, trace.lead, declared=trace.declared, find=_around)
    index = await _index(tx, by_digest, {identity.party_id for identity in known.values()})
    batch = Batch(index)
    found: list[Recognition] = []
    for number, (trace, one) in enumerate(zip(traces, seen, strict=True)):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        identity = known.get(trace.identity_id) if trace.identity_id else None
        found.append(batch.again(identity, one) if identity else batch.first(trace, one))
    return found, batch


async def candidates(tx: Tx, lead: CleanLead | Seen, limit: int = 10) -> list[Candidate]:
    """Who a lead might be, the likeliest first, nothing written. Leaves out what is forbidden or hopeless."""
    evidence = seen_of(lead).evidence
    index = await _around(tx, evidence)
    ranked = [(party, judgement) for party, judgement in index.ranked(evidence) if judgement.score > -4.0][:limit]
    return [
        Candidate(
            party,
            link_state(evidence.kind, judgement.score),
            round(judgement.score, 2),
            _explained(evidence.kind, judgement),
        )
        for party, judgement in ranked
    ]


async def _around(tx: Tx, evidence: Evidence) -> PartyIndex[UUID]:
    return await _index(tx, dict(zip(digests(evidence), all_keys(evidence), strict=True)), set())


async def _index(tx: Tx, by_digest: Mapping[int, str], also: set[UUID]) -> PartyIndex[UUID]:
    held = await store.holders(tx, by_digest)
    # Who holds only crowded keys is no candidate, so that profile is not read.
    counts = Counter(key for key, _ in held)
    wanted = {party for key, party in held if counts[key] <= CROWDED} | also
    index: PartyIndex[UUID] = PartyIndex(new_id)
    index.load(await store.profiles(tx, list(wanted)), held)
    return index


def _explained(kind: str, judgement: Judgement | None) -> list[dict[str, Any]]:
    if judgement is None:
        return []
    parts = explain(kind, judgement.agreements)
    return [{"feature": part.feature, "agreement": part.agreement, "weight": part.weight} for part in parts]


class Batch:
    """What a batch decided, gathered so that it is written in a handful of statements."""

    def __init__(self, index: PartyIndex[UUID]) -> None:
        self._index = index
        self._identities: list[dict[str, Any]] = []
        self._opened: dict[UUID, dict[str, Any]] = {}
        self._grown: dict[UUID, dict[str, Any]] = {}
        # Keys by their digests: those of parties opened here, and what others hold more than before.
        self._fresh: dict[UUID, dict[int, None]] = {}
        self._more: dict[tuple[int, UUID], None] = {}

    def first(self, trace: Trace, seen: Seen) -> Recognition:
        """A trace that was never seen."""
        evidence = seen.evidence
        decision: Decision[UUID] = self._index.recognise(evidence)
        state = decision.state
        if decision.is_new and not strong_keys(evidence):
            state = UNRESOLVED  # nothing that would recognise it again by itself
        score = round(decision.judgement.score, 2) if decision.judgement and not decision.is_new else 0.0
        told = [] if decision.is_new else _explained(evidence.kind, decision.judgement)
        identity_id = trace.identity_id or new_id()
        self._keep(decision.party, decision.is_new, seen, joined=1)
        self._identities.append(
            {
                "id": identity_id,
                "party_id": decision.party,
                "kind": KINDS[evidence.kind],
                "link_state": state,
                "move_version": 0,
                "display_name": seen.person,
                "company_name": seen.company,
                "phones": phones_of(evidence),
                "emails": emails_of(evidence),
                "origin": trace.origin,
                "origin_id": trace.origin_id,
                "score": score,
                "explanation": told,
                "evidence": evidence.to_json(),
                "decided_by": "RULES",
            }
        )
        known = (identity_id, decision.party, state, decision.is_new, score)
        return Recognition(*known, evidence.kind, decision.judgement, told)

    def again(self, identity: Identity, seen: Seen) -> Recognition:
        """A trace that is known: it says something new and stays where it is."""
        evidence = seen.evidence
        before = identity.comparable()
        before.absorb(Evidence(evidence.kind, evidence.values, 0))
        identity.evidence, identity.phones, identity.emails = before.to_json(), phones_of(before), emails_of(before)
        identity.display_name = seen.person or identity.display_name
        identity.company_name = seen.company or identity.company_name
        self._index.attach(identity.party_id, Evidence(evidence.kind, evidence.values, 0), all_keys(evidence))
        self._keep(identity.party_id, False, seen, joined=0)
        return Recognition(
            identity.id,
            identity.party_id,
            identity.link_state,
            False,
            identity.score,
            told=list(identity.explanation),
        )

    def _keep(self, party_id: UUID, is_new: bool, seen: Seen, *, joined: int) -> None:
        evidence = seen.evidence
        if is_new:
            self._opened[party_id] = {"id": party_id, "kind": KINDS[evidence.kind], "state": ACTIVE, "joined": 0}
            self._fresh[party_id] = dict.fromkeys(digests(evidence))
        elif party_id in self._opened:
            self._fresh[party_id].update(dict.fromkeys(digests(evidence)))
        else:
            known = self._index.loaded
            for number, key in zip(digests(evidence), all_keys(evidence), strict=True):
                if (key, party_id) not in known:
                    self._more[number, party_id] = None
        row = self._opened.get(party_id) or self._grown.setdefault(party_id, {"id": party_id, "joined": 0})
        row["joined"] += joined
        row["display_name"] = seen.person or row.get("display_name", "")
        row["company_name"] = seen.company or row.get("company_name", "")

    async def write(self, tx: Tx) -> None:
        """Writes parties, identities and keys; new ones with the next flush."""
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
        tx.stage(Party, opened)
        await store.update_parties(tx, sorted(self._grown.values(), key=lambda row: str(row["id"])))
        tx.stage(Identity, self._identities)
        fresh = [(number, party_id) for party_id, numbers in self._fresh.items() for number in numbers]
        await store.add_keys(tx, fresh, fresh=True)
        await store.add_keys(tx, self._more)


__all__ = ["CONFIRMED", "UNRESOLVED", "Batch", "Candidate", "Recognition", "Trace", "candidates", "decide", "recognise"]
