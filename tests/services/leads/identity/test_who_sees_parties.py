"""A party belongs to nobody: it is seen by whoever has something to do with it, and by those who see everything."""

from __future__ import annotations

import pytest

from support.leads import make
from tercet.leads.v1.identity_service_pb2 import (
    ExplainLinkRequest,
    GetIdentityRequest,
    GetPartyRequest,
    KnownFacts,
    ListIdentitiesRequest,
    ListPartiesRequest,
    RecognizeIdentityRequest,
)
from tercet.leads.v1.lead_service_pb2 import CheckDuplicatesRequest, Lead
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

SELLER = {"leads.party.read": "own", "leads.identity.*": "own", "leads.lead.*": "own"}


async def _two_sellers(leads: Client) -> tuple[Client, Client, Lead]:
    mine, other = leads.as_(permissions=SELLER), leads.as_(permissions=SELLER)
    owner_id = str(mine.principal.user_id)
    return mine, other, await make(leads, full_name="王芳", mobile="13424680007", owner_id=owner_id)


async def test_a_seller_finds_the_parties_of_own_leads_only(leads: Client) -> None:
    mine, other, lead = await _two_sellers(leads)
    assert (await mine.GetParty(GetPartyRequest(id=lead.party_id))).display_name == "王芳"
    assert [one.id for one in (await mine.ListParties(ListPartiesRequest())).parties] == [lead.party_id]
    assert len((await mine.ListIdentities(ListIdentitiesRequest())).identities) == 1
    for request in (ListPartiesRequest(), ListPartiesRequest(filter='display_name = "王芳"', order_by="display_name")):
        assert not (await other.ListParties(request)).parties
    assert not (await other.ListIdentities(ListIdentitiesRequest())).identities
    with refused("RESOURCE_NOT_FOUND"):
        await other.GetParty(GetPartyRequest(id=lead.party_id))
    with refused("RESOURCE_NOT_FOUND"):
        await other.GetIdentity(GetIdentityRequest(id=lead.identity_id))
    with refused("RESOURCE_NOT_FOUND"):
        await other.ExplainLink(ExplainLinkRequest(id=lead.identity_id))
    assert (await leads.GetParty(GetPartyRequest(id=lead.party_id))).display_name == "王芳"


@pytest.mark.parametrize("scope", ["unit", "unit_below"])
async def test_the_parties_of_a_units_leads_are_seen_in_the_unit(leads: Client, scope: str) -> None:
    unit_id = new_id()
    await leads.know_unit(unit_id)
    lead = await make(leads, full_name="王芳", mobile="13424680007", unit_id=str(unit_id))
    inside = leads.as_(permissions={"leads.party.read": scope}, unit_id=unit_id)
    outside = leads.as_(permissions={"leads.party.read": scope}, unit_id=new_id())
    assert [one.id for one in (await inside.ListParties(ListPartiesRequest())).parties] == [lead.party_id]
    assert not (await outside.ListParties(ListPartiesRequest())).parties


async def test_likely_duplicates_of_others_are_told_without_their_names(leads: Client) -> None:
    mine, other, lead = await _two_sellers(leads)
    asked = CheckDuplicatesRequest(lead=Lead(full_name="王小芳", mobile="13424680007"))
    [known] = (await mine.CheckDuplicates(asked)).candidates
    [hidden] = (await other.CheckDuplicates(asked)).candidates
    assert (known.party_id, known.display_name) == (lead.party_id, "王芳")
    assert (hidden.party_id, hidden.display_name) == (lead.party_id, "")


async def test_recognising_a_trace_out_of_reach_tells_only_whose_it_is(leads: Client) -> None:
    _, other, lead = await _two_sellers(leads)
    request = RecognizeIdentityRequest(identity_id=lead.identity_id, facts=KnownFacts(email="x@example.com"))
    answer = await other.RecognizeIdentity(request)
    assert answer.identity.party_id
    assert (answer.identity.display_name, list(answer.identity.phones)) == ("", [])
