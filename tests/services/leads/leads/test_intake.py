"""Every lead that comes in is kept, cleaned, recognised, scored and told of, whatever it looks like."""

from __future__ import annotations

from support.leads import company, events_of, make, mobile, person
from tercet.leads.v1.lead_service_pb2 import (
    BatchCreateLeadsRequest,
    CheckDuplicatesRequest,
    CreateLeadRequest,
    GetLeadRequest,
    Lead,
    ListLeadsRequest,
)
from tercet.leads.v1.source_service_pb2 import CreateSourceRequest, ListUnknownSourcesRequest, Source
from tercet.leads.v1.touch_service_pb2 import ListTouchesRequest
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis import new_id
from tercet_chassis.testing import Client, refused


async def test_lead_is_cleaned_scored_and_its_raw_values_stay(leads: Client) -> None:
    await leads.CreateSource(
        CreateSourceRequest(source=Source(code="expo", display_name="展会名片", kind=Source.OFFLINE_EVENT))
    )
    lead = await make(
        leads,
        full_name="  王　芳 ",
        company_name="杭州云星塑料制品有限责任公司",
        mobile="008615511181830(同微信)",
        source_code="展会名片",
    )
    assert (lead.full_name, lead.mobile, lead.source_code) == ("王芳", "+8615511181830", "expo")
    assert lead.kind == Lead.COMPANY
    assert lead.state == Lead.OPEN
    assert lead.score == sum(c.points for c in lead.contributions) > 0
    assert lead.grade in ("A", "B", "C", "D")
    finding = next(f for f in lead.findings if f.field == "mobile")
    assert finding.raw == "008615511181830(同微信)"
    touches = (await leads.ListTouches(ListTouchesRequest(filter=f'lead_id = "{lead.id}"'))).touches
    assert [touch.raw["mobile"] for touch in touches] == ["008615511181830(同微信)"]
    assert [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)] == ["LeadCreated"]


async def test_further_lead_of_an_open_partys_becomes_a_touch(leads: Client) -> None:
    first = await make(leads, full_name="张伟", mobile="13800138001")
    second = await make(leads, full_name="张伟", mobile="+86 138 0013 8001", email="zhangwei@example.org.cn")
    assert second.duplicate_touch
    assert second.id == first.id
    assert second.email == "zhangwei@example.org.cn"
    assert second.touch_count == 2
    assert len((await leads.ListLeads(ListLeadsRequest())).leads) == 1
    assert len((await leads.ListTouches(ListTouchesRequest())).touches) == 2
    assert [event.DESCRIPTOR.name for event in await events_of(leads, first.id)] == ["LeadCreated", "LeadTouched"]


async def test_junk_is_kept_with_its_reason_and_bothers_nobody(leads: Client) -> None:
    lead = await make(leads, full_name="test", mobile="11111111111")
    assert lead.state == Lead.JUNK
    assert lead.state_reason
    assert not lead.owner_id
    again = await make(leads, full_name="test", mobile="11111111111")
    assert again.id != lead.id


async def test_unusable_number_is_kept_raw_and_flagged(leads: Client) -> None:
    lead = await make(leads, full_name="李娜", mobile="1380013", email="lina@corp-mail.com")
    assert lead.mobile == "1380013"
    assert next(f for f in lead.findings if f.field == "mobile").flags


async def test_unknown_source_is_accepted_reported_once_a_day_and_counted(leads: Client) -> None:
    for number in ("13924680001", "13924680002"):
        lead = await make(leads, full_name="陈静", mobile=number, source_code="抖音直播间")
        assert lead.source_code == "unknown"
    (unknown,) = (await leads.ListUnknownSources(ListUnknownSourcesRequest())).unknown_sources
    assert (unknown.code, unknown.touches) == ("抖音直播间", 2)
    seen = [event for event in await events_of(leads) if event.DESCRIPTOR.name == "SourceUnknownSeen"]
    assert [event.given_code for event in seen] == ["抖音直播间"]


async def test_empty_lead_is_refused(leads: Client) -> None:
    with refused("LEAD_EMPTY", "lead"):
        await leads.CreateLead(CreateLeadRequest(lead=Lead(remark="hello")))


async def test_over_long_value_is_refused_with_its_field(leads: Client) -> None:
    with refused("REQUEST_INVALID", "lead.full_name"):
        await make(leads, full_name="王" * 201)


async def test_same_external_ref_or_id_answers_the_lead_that_is_there(leads: Client) -> None:
    chosen = str(new_id())
    first = await make(
        leads, id=chosen, full_name="赵敏", mobile="13700000001", external_ref=ExternalRef(system="ads", id="77")
    )
    by_ref = await make(leads, full_name="赵敏", mobile="13700000001", external_ref=ExternalRef(system="ads", id="77"))
    by_id = await make(leads, id=chosen, full_name="赵敏", mobile="13700000001")
    assert first.id == by_ref.id == by_id.id == chosen
    assert (await leads.GetLead(GetLeadRequest(id=chosen))).touch_count == 1


async def test_batch_answers_each_lead_and_stops_for_none(leads: Client) -> None:
    response = await leads.BatchCreateLeads(
        BatchCreateLeadsRequest(
            leads=[
                Lead(full_name="孙莉", mobile="13624680001"),
                Lead(),
                Lead(full_name="周" * 300),
                Lead(full_name="孙莉", mobile="136-2468-0001"),
            ]
        )
    )
    one, empty, long, twin = response.results
    assert one.lead.state == Lead.OPEN
    assert (empty.reason, empty.field) == ("LEAD_EMPTY", "lead")
    assert (long.reason, long.field) == ("REQUEST_INVALID", "full_name")
    assert twin.lead.id == one.lead.id
    assert twin.lead.duplicate_touch
    assert (await leads.GetLead(GetLeadRequest(id=one.lead.id))).touch_count == 2


async def test_large_batch_takes_the_same_way(leads: Client) -> None:
    batch = [Lead(full_name=person(n), company_name=company(n), mobile=mobile(n)) for n in range(200)]
    response = await leads.BatchCreateLeads(BatchCreateLeadsRequest(leads=batch))
    assert len({result.lead.id for result in response.results}) == 200
    found = await leads.ListLeads(ListLeadsRequest(count=True, q=company(57)))
    assert found.total_size == 1
    assert len([event for event in await events_of(leads) if event.DESCRIPTOR.name == "LeadCreated"]) == 200


async def test_check_duplicates_names_the_party_its_open_lead_and_why(leads: Client) -> None:
    lead = await make(leads, full_name="吴磊", mobile="13500000009", email="wulei@tercet-test.cn")
    response = await leads.CheckDuplicates(CheckDuplicatesRequest(lead=Lead(full_name="吴磊", mobile="135 0000 0009")))
    assert response.cleaned.mobile == "+8613500000009"
    best = response.candidates[0]
    assert (best.party_id, best.open_lead_id) == (lead.party_id, lead.id)
    assert best.score > 0.5
    assert best.reasons
    assert best.display_name == "吴磊"
    masked = leads.as_(masks=["NAME"])
    hidden = await masked.CheckDuplicates(CheckDuplicatesRequest(lead=Lead(full_name="吴磊", mobile="135 0000 0009")))
    assert hidden.candidates[0].display_name != "吴磊"
    assert len((await leads.ListTouches(ListTouchesRequest())).touches) == 1


async def test_seller_sees_of_anothers_lead_only_that_it_is_there(leads: Client) -> None:
    first = await make(
        leads, full_name="郑爽", mobile="13424680007", email="private@tercet-test.cn", owner_id=str(new_id())
    )
    seller = leads.as_(permissions={"leads.lead.*": "own"})
    answer = await make(seller, full_name="郑爽", mobile="13424680007")
    assert answer.duplicate_touch
    assert answer.id == first.id
    assert not answer.email


async def test_lead_of_another_tenant_is_not_there(leads: Client) -> None:
    lead = await make(leads, full_name="冯雪", mobile="13300000003")
    stranger = leads.as_(tenant_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.GetLead(GetLeadRequest(id=lead.id))


async def test_missing_permission_is_refused(leads: Client) -> None:
    reader = leads.as_(permissions={"leads.lead.read": "all"})
    with refused("PERMISSION_MISSING"):
        await make(reader, full_name="何冰", mobile="13200000003")


async def test_large_batch_of_further_touches_fills_what_was_empty_and_is_found_by_it(leads: Client) -> None:
    first = [Lead(full_name=person(n), mobile=mobile(n)) for n in range(30)]
    created = (await leads.BatchCreateLeads(BatchCreateLeadsRequest(leads=first))).results
    again = [Lead(full_name=person(n), mobile=mobile(n), email=f"box{n}@tercet-test.cn") for n in range(30)]
    touched = (await leads.BatchCreateLeads(BatchCreateLeadsRequest(leads=again))).results
    assert [result.lead.id for result in touched] == [result.lead.id for result in created]
    assert all(result.lead.duplicate_touch for result in touched)
    kept = await leads.GetLead(GetLeadRequest(id=created[7].lead.id))
    assert (kept.touch_count, kept.email, kept.etag) == (2, "box7@tercet-test.cn", touched[7].lead.etag)
    assert kept.score == sum(c.points for c in kept.contributions) > created[7].lead.score
    found = await leads.ListLeads(ListLeadsRequest(q="box7@tercet-test.cn"))
    assert [lead.id for lead in found.leads] == [kept.id]
