"""Recognition for other services, and what people decide about parties: merge, un-merge, split. All three are one
event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.leads.v1.identity_service_pb2 import (
    Evidence as EvidenceMessage,
)
from tercet.leads.v1.identity_service_pb2 import (
    ExplainLinkRequest,
    ExplainLinkResponse,
    ListPartyLinksRequest,
    ListPartyLinksResponse,
    MergePartiesRequest,
    PartyKind,
    RecognizeIdentityRequest,
    RecognizeIdentityResponse,
    SplitPartyRequest,
    UnmergePartiesRequest,
)
from tercet.leads.v1.identity_service_pb2 import (
    Identity as IdentityMessage,
)
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.ids import new_id
from tercet_chassis.invariants import finding
from tercet_leads.cleaning import clean_lead
from tercet_leads.identity import store
from tercet_leads.identity.decisions import decide, links_of
from tercet_leads.identity.model import ACTIVE, KINDS, MERGED, Identity, Party, PartyDecision
from tercet_leads.identity.profiles import rebuild
from tercet_leads.identity.recognition import Trace, recognise
from tercet_leads.identity.rules import CONFIRMED

Finding = CheckInvariantsResponse.Finding


class IdentityService(Handlers):
    """Serves tercet.leads.v1.IdentityService."""

    async def RecognizeIdentity(self, request: RecognizeIdentityRequest, tx: Tx) -> RecognizeIdentityResponse:
        """Recognises somebody and keeps the trace. Refuses nothing that passed validation."""
        raw = {field.name: value for field, value in request.facts.ListFields()}
        if request.kind:
            raw["lead_type"] = next(cleaned for cleaned, kind in KINDS.items() if kind == PartyKind.Name(request.kind))
        trace = Trace(
            clean_lead(raw),
            UUID(request.identity_id) if request.identity_id else None,
            request.origin or "other",
            UUID(request.origin_id) if request.origin_id else None,
            declared=bool(request.kind),
        )
        (found,) = await recognise(tx, [trace])
        await tx.flush()
        identity = await tx.find(Identity, found.identity_id)
        # Of a trace out of reach, which may have been there before, only whose it is.
        known: Any = (
            IdentityMessage(id=str(found.identity_id), party_id=str(found.party_id), link_state=found.link_state)
            if identity is None
            else tx.render(identity)
        )
        return RecognizeIdentityResponse(
            identity=known, is_new_party=found.is_new_party, evidence=_evidence(found.explanation)
        )

    async def ExplainLink(self, request: ExplainLinkRequest, tx: Tx) -> ExplainLinkResponse:
        """Why an identity belongs to its party. Refuses one that is out of reach."""
        identity = await tx.get(Identity, request.id)
        return ExplainLinkResponse(
            link_state=identity.link_state,
            score=identity.score,
            evidence=_evidence(identity.explanation) if identity.decided_by == "RULES" else [],
            decided_by=identity.decided_by,
        )

    async def ListPartyLinks(self, request: ListPartyLinksRequest, tx: Tx) -> ListPartyLinksResponse:
        """Who these identities are held to be; unknown ones are left out."""
        response = ListPartyLinksResponse()
        for identity_id, party_id in await store.links(tx, [UUID(id) for id in request.identity_ids]):
            response.links.add(identity_id=str(identity_id), party_id=str(party_id))
        return response

    async def MergeParties(self, request: MergePartiesRequest, tx: Tx) -> PartyDecision:
        """Moves every identity of the others into this party. Refuses merged parties, other kinds and itself."""
        party = await tx.get(Party, request.id, etag=request.etag)
        others = [await tx.get(Party, other) for other in request.other_party_ids]
        locked = await store.lock_parties(tx, [party.id, *(other.id for other in others)])
        party.check_mergeable(others)
        moves, links = [], {}
        for other in others:
            leaving = await store.members(tx, locked[other.id].id)
            links.update(links_of(leaving))
            moves += [identity.move(party.id, "USER", CONFIRMED) for identity in leaving]
            other.state, other.merged_into_id, other.member_count = MERGED, party.id, 0
            await store.replace_keys(tx, other.id, [])
        await rebuild(tx, [party])
        return await decide(tx, "MERGE", party.id, request.reason, moves, links)

    async def UnmergeParties(self, request: UnmergePartiesRequest, tx: Tx) -> PartyDecision:
        """Moves what a merge moved back. Refuses what is no merge into this party or was undone."""
        party = await tx.get(Party, request.id)
        decision = await store.lock_decision(tx, UUID(request.decision_id))
        if decision is None:
            raise ResourceNotFound(type="PartyDecision", id=request.decision_id)
        decision.check_undoable(party.id)
        origins = {UUID(move["identity_id"]): UUID(move["from_party_id"]) for move in decision.moves}
        locked = await store.lock_parties(tx, [party.id, *set(origins.values())])
        party.check_active()
        moves = []
        for identity in await store.members(tx, party.id):
            if (origin := origins.get(identity.id)) is not None:
                link = decision.links_before[str(identity.id)]
                moves.append(identity.move(origin, link["decided_by"], link["link_state"]))
        restored = [locked[origin] for origin in dict.fromkeys(origins.values())]
        for other in restored:
            other.state, other.merged_into_id = ACTIVE, None
        await rebuild(tx, [party, *restored])
        undoing = await decide(tx, "UNMERGE", party.id, request.reason, moves)
        decision.undone_by_id = undoing.id
        return undoing

    async def SplitParty(self, request: SplitPartyRequest, tx: Tx) -> PartyDecision:
        """Puts identities of a party into a new one. Refuses strangers and a party left empty."""
        party = await tx.get(Party, request.id, etag=request.etag)
        await store.lock_parties(tx, [party.id])
        leaving = [await tx.get(Identity, identity) for identity in request.identity_ids]
        party.check_split(leaving, await store.count_members(tx, party.id))
        new = tx.add(Party(id=new_id(), kind=party.kind))
        links = links_of(leaving)
        moves = [identity.move(new.id, "USER", CONFIRMED) for identity in leaving]
        await rebuild(tx, [party, new])
        return await decide(tx, "SPLIT", party.id, request.reason, moves, links)


def _evidence(explanation: Iterable[dict[str, Any]]) -> list[EvidenceMessage]:
    return [EvidenceMessage(**part) for part in explanation]


@invariant
async def parties_whole(tx: Tx) -> Finding:
    """Every identity belongs to a party that is not merged away, and every party counts its members right."""
    return finding("parties.whole", *await store.astray(tx))


@invariant
async def parties_as_recognised(tx: Tx) -> Finding:
    """Every row of leads about somebody names the party that its identity is held to be."""
    return finding("parties.as_recognised", *await store.misplaced(tx))
