"""A person and a company are never one party, whatever they share and whatever is corrected later."""

from __future__ import annotations

from typing import Any

import pytest

from support.leads import make
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.leads.v1.identity_service_pb2 import (
    GetIdentityRequest,
    GetPartyRequest,
    KnownFacts,
    Party,
    PartyKind,
    RecognizeIdentityRequest,
    RecognizeIdentityResponse,
)
from tercet.leads.v1.lead_service_pb2 import GetLeadRequest, Lead, UpdateLeadRequest
from tercet_chassis.testing import Client

SHARED = {"mobile": "13812341234", "email": "office@yunshan-net.cn"}
COMPANY: dict[str, Any] = {"kind": Lead.COMPANY, "company_name": "杭州云杉网络科技有限公司", "city": "杭州市"}


async def party(leads: Client, id: str) -> Party:
    found: Party = await leads.GetParty(GetPartyRequest(id=id))
    return found


async def corrected(leads: Client, lead: Lead, kind: Lead.Kind, **values: Any) -> Lead:
    """A seller says what it is."""
    changed: Lead = await leads.UpdateLead(UpdateLeadRequest(lead=Lead(id=lead.id, kind=kind, **values)))
    return changed


async def whole(leads: Client) -> bool:
    findings = (await leads.CheckInvariants(CheckInvariantsRequest())).findings
    return all(finding.holds for finding in findings if finding.invariant.split(".")[0] in ("parties", "leads"))


@pytest.mark.parametrize("company_first", [True, False])
async def test_a_person_and_a_company_of_one_phone_and_mailbox_are_two_parties(
    leads: Client, company_first: bool
) -> None:
    given = [{"kind": Lead.PERSON, "full_name": "王芳"}, {**COMPANY, "full_name": "王芳"}]
    first, second = [await make(leads, **SHARED, **values) for values in (given[::-1] if company_first else given)]
    assert first.party_id != second.party_id
    assert not second.duplicate_touch
    again = await make(leads, **SHARED, **given[0])
    assert again.party_id == (second if company_first else first).party_id


async def test_a_party_turns_with_its_only_trace(leads: Client) -> None:
    lead = await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    turned = await corrected(leads, lead, Lead.COMPANY, company_name="杭州云杉网络科技有限公司")
    assert turned.party_id == lead.party_id
    assert (await party(leads, lead.party_id)).kind == PartyKind.COMPANY
    assert (await leads.GetIdentity(GetIdentityRequest(id=lead.identity_id))).kind == PartyKind.COMPANY
    person = await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    assert person.party_id != lead.party_id
    company = await make(leads, **COMPANY, **SHARED)
    assert (company.id, company.duplicate_touch) == (lead.id, True)


async def test_a_trace_that_turns_leaves_the_others_of_its_party(leads: Client) -> None:
    lead = await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    turned = await corrected(leads, lead, Lead.COMPANY, company_name="杭州云杉网络科技有限公司")
    await leads.settled()
    assert turned.party_id != lead.party_id
    assert (await party(leads, lead.party_id)).kind == PartyKind.PERSON
    assert (await party(leads, turned.party_id)).kind == PartyKind.COMPANY
    assert (await leads.GetLead(GetLeadRequest(id=lead.id))).party_id == turned.party_id
    assert await whole(leads)


async def test_a_trace_that_turns_goes_to_the_company_that_is_known(leads: Client) -> None:
    company = await make(leads, **COMPANY, **SHARED)
    lead = await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    await make(leads, kind=Lead.PERSON, full_name="王芳", **SHARED)
    turned = await corrected(leads, lead, Lead.COMPANY, company_name=COMPANY["company_name"])
    assert turned.party_id == company.party_id
    await leads.settled()
    assert (await leads.GetLead(GetLeadRequest(id=lead.id))).duplicate_of_id == company.id
    assert await whole(leads)


async def test_a_kind_that_is_only_worked_out_changes_nobody(leads: Client) -> None:
    facts = KnownFacts(name="王芳", mobile="13812341234")
    first: RecognizeIdentityResponse = await leads.RecognizeIdentity(
        RecognizeIdentityRequest(kind=PartyKind.PERSON, facts=facts)
    )
    employed = KnownFacts(name="王芳", mobile="13812341234", company_name="杭州云杉网络科技有限公司")
    again = await leads.RecognizeIdentity(RecognizeIdentityRequest(facts=employed, identity_id=first.identity.id))
    assert (again.identity.kind, again.identity.party_id) == (PartyKind.PERSON, first.identity.party_id)
    company = await leads.RecognizeIdentity(RecognizeIdentityRequest(kind=PartyKind.COMPANY, facts=employed))
    assert company.identity.party_id != first.identity.party_id
    assert await whole(leads)
