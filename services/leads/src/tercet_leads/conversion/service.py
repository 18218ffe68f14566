"""ConvertLead: ids chosen and committed first, then sales is asked, then the lead is closed. It can be cut off
anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from google.protobuf.json_format import ParseDict

from tercet.chassis.v1.audit_service_pb2 import ListAuditEntriesRequest
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1.conversion_service_pb2 import ConvertLeadRequest
from tercet.leads.v1.lead_service_pb2 import Lead as LeadMessage
from tercet.sales.v1.customer_service_pb2 import Customer, EnsureCustomerRequest, ListCustomersRequest
from tercet.sales.v1.opportunity_service_pb2 import EnsureOpportunityRequest, ListOpportunitiesRequest, Opportunity
from tercet_chassis import Calls, Handlers, Process, Refusal, Tx, invariant, new_id
from tercet_chassis.agreement import agreed
from tercet_leads.conversion import rules, store
from tercet_leads.conversion.errors import LeadHasNoUnit
from tercet_leads.leads.model import Lead
from tercet_leads.placements import store as placement_store

_LISTS: dict[str, Any] = {"ListCustomers": ListCustomersRequest, "ListOpportunities": ListOpportunitiesRequest}


class ConversionService(Handlers):
    """Serves tercet.leads.v1.ConversionService."""

    async def ConvertLead(self, request: ConvertLeadRequest, process: Process) -> LeadMessage:
        """Turns a qualified lead into a customer with an opportunity. Refuses with sales' reason, and the lead is
        as it was.
        """
        refused: list[Refusal] = []

        async def undo(tx: Tx, request: ConvertLeadRequest) -> None:
            # Only a refusal that stands comes here; a sales that does not answer is asked again later.
            await take_back(tx, request.id, refused[-1])

        lead = await process.step("begin", begin, request, undo=undo)
        try:
            ensured = await process.call("customer", "sales", "EnsureCustomer", customer_request(lead))
            wanted = opportunity_request(lead, ensured.customer.id, request)
            opportunity = await process.call("opportunity", "sales", "EnsureOpportunity", wanted)
        except Refusal as refusal:
            refused.append(refusal)
            raise
        result: LeadMessage = await process.step("finish", finish, lead.id, ensured.customer.id, opportunity.id)
        return result


async def begin(tx: Tx, request: ConvertLeadRequest) -> Lead:
    """CONVERTING, with the customer's and the opportunity's ids chosen. Refuses a lead that is not qualified or has
    no unit.
    """
    lead = await tx.get(Lead, request.id, etag=request.etag, lock=True)
    lead.unit_id = lead.unit_id or tx.principal.unit_id
    lead.begin_conversion(lead.customer_id or new_id(), new_id())
    if lead.unit_id is None:
        raise LeadHasNoUnit(lead_id=lead.id)
    tx.emit(events.LeadUpdated, lead)
    return lead


async def finish(tx: Tx, lead_id: str, customer_id: str, opportunity_id: str) -> Lead:
    """CONVERTED, with whatever customer sales had or made."""
    lead = await tx.get(Lead, lead_id, lock=True)
    lead.opportunity_id = UUID(opportunity_id)
    lead.finish_conversion(UUID(customer_id), tx.now())
    if lead.placement_id is not None:
        await placement_store.credit(tx, placement_store.WON, [(lead.placement_id, lead.id)])
    tx.emit(events.LeadConverted, lead)
    return lead


async def take_back(tx: Tx, lead_id: str, refusal: Refusal) -> None:
    """QUALIFIED again, with sales' reason for people and programs."""
    lead = await tx.get(Lead, lead_id, lock=True)
    lead.take_conversion_back(f"{refusal.reason}: {refusal.message}")
    tx.emit(events.LeadConversionRefused, lead, reason=refusal.reason)


def customer_request(lead: LeadMessage) -> EnsureCustomerRequest:
    """The customer that the lead becomes."""
    request = EnsureCustomerRequest(
        customer_id=lead.customer_id,
        identity_id=lead.identity_id,
        party_id=lead.party_id,
        kind=Customer.COMPANY if lead.kind == LeadMessage.COMPANY else Customer.PERSON,
        full_name=lead.full_name,
        company_name=lead.company_name,
        unit_id=lead.unit_id,
        owner_id=lead.owner_id,
        lead_id=lead.id,
        partner_party_id=lead.partner_party_id,
        source_code=lead.source_code,
        uscc=lead.uscc,
    )
    points = {
        "phones": rules.phones(lead),
        "emails": rules.emails(lead),
        "accounts": rules.accounts(lead),
        "addresses": rules.addresses(lead),
    }
    ParseDict(points, request)
    return request


def opportunity_request(lead: LeadMessage, customer_id: str, request: ConvertLeadRequest) -> EnsureOpportunityRequest:
    """The opportunity that the lead becomes."""
    opportunity = Opportunity(
        id=lead.opportunity_id,
        customer_id=customer_id,
        title=rules.opportunity_title(lead, request.opportunity_name),
        pipeline_code=request.pipeline_code,
        expected_close_date=request.expected_close_date,
        owner_id=lead.owner_id,
        unit_id=lead.unit_id,
        seller_unit_id=lead.unit_id,
        partner_party_id=lead.partner_party_id,
        lead_id=lead.id,
        campaign_id=lead.campaign_id,
        source_code=lead.source_code,
    )
    if request.HasField("expected_amount"):
        opportunity.expected_amount.CopyFrom(request.expected_amount)
    for code in lead.interests:
        opportunity.interests.add(product_code=code[:60])
    return EnsureOpportunityRequest(opportunity=opportunity)


@invariant
async def conversions_whole(calls: Calls) -> CheckInvariantsResponse.Finding:
    """Every converted lead has its customer and its opportunity in sales, unless somebody deleted them since."""

    async def wrong(leads: Sequence[Any]) -> list[str]:
        customers = await _ids(calls, "ListCustomers", "customers", {lead.customer_id for lead in leads})
        deals = await _ids(calls, "ListOpportunities", "opportunities", {lead.opportunity_id for lead in leads})
        found = []
        for lead in leads:
            parts = ((lead.customer_id, customers), (lead.opportunity_id, deals))
            absent = [str(id) for id, there in parts if str(id) not in there]
            if absent and not await _deleted(calls, absent):
                found.append(f"lead {lead.id} lacks {', '.join(absent)}")
        return found

    return await agreed("conversions.whole", calls, store.converted, wrong)


async def _ids(calls: Calls, rpc: str, collection: str, ids: set[UUID]) -> set[str]:
    """Which of these sales has."""
    wanted = " OR ".join(f'id = "{id}"' for id in ids)
    request = _LISTS[rpc](filter=wanted, page_size=len(ids))
    return {found.id for found in getattr(await calls("sales", rpc, request, timeout=20), collection)}


async def _deleted(calls: Calls, ids: Sequence[str]) -> bool:
    """Whether somebody deleted all of these in sales."""
    for id in ids:
        answer = await calls("sales", "ListAuditEntries", ListAuditEntriesRequest(resource_id=id, page_size=1))
        if not answer.audit_entries or answer.audit_entries[0].action != "DELETE":
            return False
    return True
