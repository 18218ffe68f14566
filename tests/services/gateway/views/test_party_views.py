"""A party as a whole: what can be had is served, what cannot is named, and nobody sees more than in each service."""

from __future__ import annotations

import pytest

from tercet.gateway.v1.party_view_service_pb2 import GetPartyOverviewRequest, ListPartyTimelineRequest
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet.servicedesk.v1.ticket_service_pb2 import CreateTicketRequest, Ticket
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused


async def test_parts_of_services_that_are_down_are_named_and_the_rest_is_served(gateway: Client, leads: Client) -> None:
    lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name="王芳", mobile="13812345678", city="上海市")))
    overview = await gateway.GetPartyOverview(GetPartyOverviewRequest(party_id=lead.party_id))
    assert [found.id for found in overview.leads] == [lead.id]
    missing = {part.part: part for part in overview.missing}
    assert "leads" not in missing
    for part, service in (("orders", "sales"), ("profile", "marketing"), ("tickets", "service-desk")):
        if service not in gateway.running.together.running:
            assert (missing[part].service, missing[part].reason) == (service, "SERVICE_UNAVAILABLE")


async def _profile_is_known(gateway: Client, party_id: str) -> bool:
    overview = await gateway.GetPartyOverview(GetPartyOverviewRequest(party_id=party_id))
    return bool(overview.profile.contact_points)


async def test_each_part_follows_the_caller_s_own_rights(gateway: Client, leads: Client, marketing: Client) -> None:
    lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name="王芳", mobile="13812345678")))
    stranger = gateway.as_(permissions={"sales.*": "all"})
    overview = await stranger.GetPartyOverview(GetPartyOverviewRequest(party_id=lead.party_id))
    assert not overview.leads
    reasons = {part.part: part.reason for part in overview.missing}
    assert reasons["leads"] == reasons["party"] == "PERMISSION_MISSING"
    owner_only = gateway.as_(permissions={"leads.*": "own"})
    overview = await owner_only.GetPartyOverview(GetPartyOverviewRequest(party_id=lead.party_id))
    assert not overview.leads
    assert "leads" not in {part.part for part in overview.missing}
    await eventually(lambda: _profile_is_known(gateway, lead.party_id))
    masked = gateway.as_(masks=["PHONE", "NAME", "FREE_TEXT"])
    overview = await masked.GetPartyOverview(GetPartyOverviewRequest(party_id=lead.party_id))
    assert overview.leads[0].full_name == "王**"
    assert overview.profile.contact_points
    assert "13812345678" not in str(overview)


async def test_timeline_joins_services_newest_first_and_in_pages(
    gateway: Client, leads: Client, service_desk: Client
) -> None:
    lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(full_name="王芳", mobile="13812345678")))
    for subject in ("刹车异响", "空调不冷"):
        ticket = Ticket(subject=subject, identity_id=lead.identity_id, party_id=lead.party_id)
        await service_desk.CreateTicket(CreateTicketRequest(ticket=ticket))
    whole = await gateway.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id))
    kinds = [item.kind for item in whole.items]
    assert kinds.count("ticket.opened") == 2
    assert kinds.count("lead.created") == 1
    assert [item.title for item in whole.items if item.kind == "ticket.opened"] == ["空调不冷", "刹车异响"]
    times = [item.occur_time.ToNanoseconds() for item in whole.items]
    assert times == sorted(times, reverse=True)
    paged, token = [], ""
    for _ in range(len(whole.items)):
        request = ListPartyTimelineRequest(party_id=lead.party_id, page_size=1, page_token=token)
        page = await gateway.ListPartyTimeline(request)
        paged += page.items
        token = page.next_page_token
        if not token:
            break
    assert [(item.kind, item.resource.id) for item in paged] == [(item.kind, item.resource.id) for item in whole.items]
    tickets = await gateway.ListPartyTimeline(
        ListPartyTimelineRequest(party_id=lead.party_id, kinds=["ticket.opened"], page_size=1)
    )
    assert [item.kind for item in tickets.items] == ["ticket.opened"]
    with refused("PAGE_TOKEN_INVALID", "page_token"):
        await gateway.ListPartyTimeline(
            ListPartyTimelineRequest(party_id=str(new_id()), page_token=tickets.next_page_token)
        )


async def test_with_all_services_up_every_part_and_every_kind_is_there(
    gateway: Client, leads: Client, sales: Client, marketing: Client, service_desk: Client
) -> None:
    created = CreateLeadRequest(lead=Lead(full_name="王芳", mobile="13912345678", email="wangfang@shangqi.example"))
    lead = await leads.CreateLead(created)
    await gateway.settled()
    overview = await gateway.GetPartyOverview(GetPartyOverviewRequest(party_id=lead.party_id))
    assert [(part.part, part.reason) for part in overview.missing] == []
    assert overview.party.id == overview.profile.party_id == lead.party_id
    whole = await gateway.ListPartyTimeline(ListPartyTimelineRequest(party_id=lead.party_id))
    assert [(part.part, part.reason) for part in whole.missing] == []
    assert {"touch.received", "lead.created"} <= {item.kind for item in whole.items}


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (ListPartyTimelineRequest(party_id="1"), "REQUEST_INVALID", "party_id"),
        (ListPartyTimelineRequest(party_id=str(new_id()), kinds=["no.such"]), "TIMELINE_KIND_UNKNOWN", "kinds"),
        (ListPartyTimelineRequest(party_id=str(new_id()), page_token="x"), "PAGE_TOKEN_INVALID", "page_token"),
        (ListPartyTimelineRequest(party_id=str(new_id()), page_size=-1), "REQUEST_INVALID", "page_size"),
    ],
)
async def test_malformed_request_names_its_field(
    gateway: Client, request_: ListPartyTimelineRequest, reason: str, field: str
) -> None:
    with refused(reason, field):
        await gateway.ListPartyTimeline(request_)


async def test_nobody_looks_at_parties_without_signing_in(gateway: Client) -> None:
    visitor = gateway.as_(kind="anonymous")
    with refused("SIGN_IN_NEEDED"):
        await visitor.GetPartyOverview(GetPartyOverviewRequest(party_id=str(new_id())))
