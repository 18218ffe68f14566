"""A known trace that says another kind than before: a person and a company are never one party."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

from tercet_chassis import Tx
from tercet_leads.cleaning import CleanLead
from tercet_leads.identity import store
from tercet_leads.identity.decisions import decide, links_of
from tercet_leads.identity.evidence import Evidence, Seen, seen_of
from tercet_leads.identity.memory import PartyIndex
from tercet_leads.identity.model import KINDS, Identity, Party, emails_of, phones_of
from tercet_leads.identity.profiles import rebuild

_CLEANED = {ours: cleaned for cleaned, ours in KINDS.items()}
Find = Callable[[Tx, Evidence], Awaitable[PartyIndex[UUID]]]


async def settled(tx: Tx, identity: Identity, lead: CleanLead | Seen, *, declared: bool, find: Find) -> Seen:
    """What a known trace says now, of its own kind.

    A kind that was only worked out from the names gives way to the one that is known. One that somebody `declared`
    holds: the trace's party turns with it, or, where others belong to that party, the trace leaves for one of its kind.
    """
    seen = seen_of(lead)
    if KINDS[seen.evidence.kind] == identity.kind:
        return seen
    if not declared and isinstance(lead, CleanLead):
        return seen_of(replace(lead, kind=_CLEANED[identity.kind]))
    await _turn(tx, identity, seen.evidence, find)
    return seen


async def _turn(tx: Tx, identity: Identity, evidence: Evidence, find: Find) -> None:
    kind = KINDS[evidence.kind]
    links = links_of([identity])
    identity.kind, identity.evidence = kind, evidence.to_json()
    identity.phones, identity.emails = phones_of(evidence), emails_of(evidence)
    await tx.flush()
    party = (await store.lock_parties(tx, [identity.party_id]))[identity.party_id]
    if await store.count_members(tx, party.id) == 1:
        party.kind = kind
        await rebuild(tx, [party])
        return
    decision = (await find(tx, evidence)).recognise(evidence)
    if decision.is_new:
        target = tx.add(Party(id=decision.party, kind=kind))
    else:
        target = (await store.lock_parties(tx, [decision.party]))[decision.party]
        target.check_active()
    moves = [identity.move(target.id, "RULES", decision.state)]
    await rebuild(tx, [party, target])
    await decide(tx, "SPLIT", party.id, f"is a {kind.lower()}", moves, links)
