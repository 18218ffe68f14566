"""The lead's own methods: intake, changes, and every move between its states."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1 import lead_service_pb2 as pb
from tercet.leads.v1 import seller_service_pb2 as sellers
from tercet_chassis import Handlers, Refusal, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_chassis.showing import hidden_paths
from tercet_chassis.validation import check
from tercet_conditions import judging_at
from tercet_leads.assignment.model import Seller
from tercet_leads.leads import deciding, following, owning, store
from tercet_leads.leads.admit import Admission, admit
from tercet_leads.leads.duplicates import check_duplicates
from tercet_leads.leads.errors import PartyHasOpenLead
from tercet_leads.leads.intake import submission_of
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import rulebook

Finding = CheckInvariantsResponse.Finding


class LeadService(Handlers):
    """Serves tercet.leads.v1.LeadService."""

    # -- intake -------------------------------------------------------------------------------------------------------
    async def CreateLead(self, requests: Sequence[pb.CreateLeadRequest], tx: Tx) -> list[Lead | Message | Refusal]:
        """Takes in one lead, and others that arrived with it. Refuses an empty one."""
        admissions = await admit(tx, [submission_of(request.lead, "API") for request in requests])
        return [
            admission.refusal or (admission.lead if admission.new and admission.lead else await _answer(tx, admission))
            for admission in admissions
        ]

    async def BatchCreateLeads(self, request: pb.BatchCreateLeadsRequest, tx: Tx) -> pb.BatchCreateLeadsResponse:
        """Takes in many; a refused one stops no other."""
        response = pb.BatchCreateLeadsResponse()
        results = [response.results.add() for _ in request.leads]
        batch, places = [], []
        for result, message in zip(results, request.leads, strict=True):
            try:
                check(message)
                batch.append(submission_of(message, "BATCH"))
                places.append(result)
            except Refusal as refused:
                _tell(result, refused)
        for result, admission in zip(places, await admit(tx, batch), strict=True):
            if admission.refusal is not None:
                _tell(result, admission.refusal)
            else:
                result.lead.CopyFrom(await _answer(tx, admission))
        return response

    async def CheckDuplicates(self, request: pb.CheckDuplicatesRequest, tx: Tx) -> pb.CheckDuplicatesResponse:
        """Who a lead would be taken for."""
        return await check_duplicates(tx, submission_of(request.lead, "API"))

    # -- the lead's own data ------------------------------------------------------------------------------------------
    async def UpdateLead(self, request: pb.UpdateLeadRequest, tx: Tx) -> Lead:
        """Changes a lead's data; it is cleaned, recognised and scored again. Refuses a converted one."""
        lead = await tx.get(Lead, request.lead.id, etag=request.lead.etag, lock=True)
        lead.check_not_converted()
        held = (lead.unit_id, lead.partner_party_id)
        await tx.patch(lead, request.lead, request.update_mask)
        if (lead.unit_id, lead.partner_party_id) != held:
            await owning.follow(tx, lead)
        await following.understand_again(tx, lead)
        tx.emit(events.LeadUpdated, lead)
        return lead

    async def DeleteLead(self, request: pb.DeleteLeadRequest, tx: Tx) -> Empty:
        """Deletes a lead; its touches stay. Refuses a converted one."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        lead.check_not_converted()
        tx.emit(events.LeadDeleted, lead)
        await tx.delete(lead)
        return Empty()

    async def ScoreLead(self, request: pb.ScoreLeadRequest, tx: Tx) -> Lead:
        """Scores a lead by the rules in force now."""
        lead = await tx.get(Lead, request.id, lock=True)
        await following.score_again(tx, lead)
        return lead

    # -- states -------------------------------------------------------------------------------------------------------
    async def QualifyLead(self, request: pb.QualifyLeadRequest, tx: Tx) -> Lead:
        """Hands a lead to sales. Refuses one that does not meet the rule, unless a reason is given."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        judging_at(tx.now())
        book = await rulebook(tx)
        hidden = await hidden_paths(tx, Lead)
        rule = following.qualification_of(book, deciding.facts(lead, book), request.reason, hidden)
        lead.qualify(tx.now(), rule, request.reason)
        tx.emit(events.LeadQualified, lead, reason=request.reason)
        return lead

    async def DisqualifyLead(self, request: pb.DisqualifyLeadRequest, tx: Tx) -> Lead:
        """Closes a lead without result. Refuses a closed one."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        lead.disqualify(request.reason)
        tx.emit(events.LeadDisqualified, lead, reason=request.reason)
        return lead

    async def HandBackLead(self, request: pb.HandBackLeadRequest, tx: Tx) -> Lead:
        """Gives a lead back to marketing. Refuses one that nobody works on."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        previous = lead.hand_back(request.reason)
        await owning.hand_over(tx, lead, "RELEASED", previous, request.reason)
        tx.emit(events.LeadReturned, lead, reason=request.reason, previous_owner_id=previous)
        return lead

    async def ReopenLead(self, request: pb.ReopenLeadRequest, tx: Tx) -> Lead:
        """Opens a closed lead again. Refuses when the party has another open one."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        was_junk = lead.state == "JUNK"
        lead.reopen(request.reason)
        if was_junk:
            await following.recognise_at_last(tx, lead)
        other = await store.other_open_lead(tx, lead)
        if other is not None:
            raise PartyHasOpenLead(lead_id=other)
        tx.emit(events.LeadReopened, lead)
        return lead

    async def RecordContact(self, request: pb.RecordContactRequest, tx: Tx) -> Lead:
        """Notes a contact; the first stops the clock. Refuses the future and closed leads."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        first = following.contact(tx, lead, request, await rulebook(tx))
        tx.emit(events.LeadContacted, lead, occur_time=lead.last_contact_time, first=first)
        return lead

    # -- owners -------------------------------------------------------------------------------------------------------
    async def ClaimLead(self, request: pb.ClaimLeadRequest, tx: Tx) -> Lead:
        """Takes a lead out of its pool. Refuses all but the first of many."""
        return await owning.claim(tx, request.id, request.owner_id)

    async def ReleaseLead(self, request: pb.ReleaseLeadRequest, tx: Tx) -> Lead:
        """Puts a lead into a pool. Refuses one that nobody owns."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        return await owning.release(tx, lead, request.reason, request.pool_code)

    async def AssignLead(self, request: pb.AssignLeadRequest, tx: Tx) -> Lead:
        """Gives a lead to a seller, or lets the rules decide. Refuses somebody who is no seller."""
        lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
        return await owning.assign(tx, lead, UUID(request.owner_id) if request.owner_id else None)

    async def ExplainAssignment(self, request: pb.ExplainAssignmentRequest, tx: Tx) -> pb.ExplainAssignmentResponse:
        """Who would get a lead, and why; nothing changes."""
        lead = await tx.get(Lead, request.id) if request.id else None
        return await owning.explain(tx, lead, None if lead else submission_of(request.lead, "API"))


class SellerService(Handlers):
    """Serves tercet.leads.v1.SellerService. It stands here because a seller's load is counted in leads."""

    async def GetSeller(self, request: sellers.GetSellerRequest, tx: Tx) -> sellers.Seller:
        """One seller with the open leads they have."""
        message = tx.render(await tx.get(Seller, request.id))
        assert isinstance(message, sellers.Seller)
        _load(message, await store.open_loads(tx))
        return message

    async def ListSellers(self, request: sellers.ListSellersRequest, tx: Tx) -> sellers.ListSellersResponse:
        """A page of sellers with the open leads each has."""
        response = await tx.page(Seller, request, response=sellers.ListSellersResponse)
        assert isinstance(response, sellers.ListSellersResponse)
        loads = await store.open_loads(tx)
        for message in response.sellers:
            _load(message, loads)
        return response


def _load(message: sellers.Seller, loads: dict[UUID, int]) -> None:
    message.load = loads.get(UUID(message.owner_id), 0) if message.owner_id else 0


@invariant
async def touches_counted(tx: Tx) -> Finding:
    """Every lead has exactly the touches that it counts: nothing acknowledged was lost or doubled."""
    total, broken = await store.miscounted(tx)
    return finding("leads.touches_counted", total, broken)


@invariant
async def converted_once(tx: Tx) -> Finding:
    """Every converted lead has one customer and one opportunity of its own."""
    total, broken = await store.half_converted(tx)
    return finding("leads.converted_once", total, broken)


async def _answer(tx: Tx, admission: Admission) -> pb.Lead:
    """The lead as the caller may see it: of somebody else's, only that it is there and who has it."""
    lead = admission.lead
    if lead is None:
        return pb.Lead()
    if not admission.new:
        await tx.flush()
    if admission.new or await tx.find(Lead, lead.id) is not None:
        message = tx.render(lead)
        assert isinstance(message, pb.Lead)
    else:
        message = pb.Lead(id=str(lead.id), state=lead.state, owner_id=str(lead.owner_id or ""))
    message.duplicate_touch = admission.duplicate
    return message


def _tell(result: pb.BatchCreateLeadsResponse.Result, refused: Refusal) -> None:
    result.reason, result.message = refused.reason, refused.message
    result.field = refused.violations[0].field if refused.violations else ""
