"""A lead moves only along its states; every move is told; rules decide what is ripe."""

from __future__ import annotations

from support.leads import events_of, make, mobile, person
from tercet.leads.v1.lead_service_pb2 import (
    DeleteLeadRequest,
    DisqualifyLeadRequest,
    GetLeadRequest,
    Lead,
    ListLeadsRequest,
    QualifyLeadRequest,
    RecordContactRequest,
    ReopenLeadRequest,
    ScoreLeadRequest,
    UpdateLeadRequest,
)
from tercet.leads.v1.qualification_rule_service_pb2 import CreateQualificationRuleRequest, QualificationRule
from tercet.leads.v1.scoring_rule_service_pb2 import (
    CreateScoringRuleRequest,
    GetGradeScaleRequest,
    GradeScale,
    ScoringRule,
    SetGradeScaleRequest,
)
from tercet_chassis.testing import Client, refused


async def qualification(leads: Client, condition: str, *, automatic: bool = False) -> QualificationRule:
    rule = QualificationRule(code="standard", display_name="标准", condition=condition, automatic=automatic)
    answer: QualificationRule = await leads.CreateQualificationRule(
        CreateQualificationRuleRequest(qualification_rule=rule)
    )
    return answer


async def test_ripe_lead_is_qualified_by_the_rule_in_force_and_keeps_its_version(leads: Client) -> None:
    await qualification(leads, "score > 100000")
    assert (await qualification(leads, 'full_name = "王芳"')).version == 2
    lead = await make(leads, full_name="王芳", mobile=mobile(1))
    qualified = await leads.QualifyLead(QualifyLeadRequest(id=lead.id))
    assert (qualified.state, qualified.qualification) == (Lead.QUALIFIED, "standard@2")
    with refused("LEAD_NOT_OPEN"):
        await leads.QualifyLead(QualifyLeadRequest(id=lead.id))


async def test_unripe_lead_needs_a_reason(leads: Client) -> None:
    await qualification(leads, "score > 100000")
    lead = await make(leads, full_name=person(2), mobile=mobile(2))
    with refused("QUALIFICATION_NOT_MET", "reason"):
        await leads.QualifyLead(QualifyLeadRequest(id=lead.id))
    qualified = await leads.QualifyLead(QualifyLeadRequest(id=lead.id, reason="老板的朋友"))
    assert (qualified.qualification, qualified.state_reason) == ("manual (standard@1)", "老板的朋友")


async def test_automatic_rule_qualifies_at_the_door(leads: Client) -> None:
    await qualification(leads, "mobile_valid = true", automatic=True)
    lead = await make(leads, full_name=person(3), mobile=mobile(3))
    assert (lead.state, lead.qualification) == (Lead.QUALIFIED, "standard@1")
    assert [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)] == ["LeadCreated", "LeadQualified"]


async def test_closed_lead_can_be_opened_again_unless_the_party_has_another(leads: Client) -> None:
    lead = await make(leads, full_name=person(4), mobile=mobile(4))
    with refused("LEAD_NOT_CLOSED"):
        await leads.ReopenLead(ReopenLeadRequest(id=lead.id))
    closed = await leads.DisqualifyLead(DisqualifyLeadRequest(id=lead.id, reason="没有预算"))
    assert (closed.state, closed.state_reason) == (Lead.DISQUALIFIED, "没有预算")
    with refused("LEAD_NOT_OPEN"):
        await leads.RecordContact(RecordContactRequest(id=lead.id))
    second = await make(leads, full_name=person(4), mobile=mobile(4))
    assert second.id != lead.id
    assert second.party_id == lead.party_id
    with refused("PARTY_HAS_OPEN_LEAD"):
        await leads.ReopenLead(ReopenLeadRequest(id=lead.id))
    await leads.DisqualifyLead(DisqualifyLeadRequest(id=second.id, reason="重复"))
    assert (await leads.ReopenLead(ReopenLeadRequest(id=lead.id))).state == Lead.OPEN


async def test_closing_needs_a_reason(leads: Client) -> None:
    lead = await make(leads, full_name=person(5), mobile=mobile(5))
    with refused("REQUEST_INVALID", "reason"):
        await leads.DisqualifyLead(DisqualifyLeadRequest(id=lead.id))


async def test_junk_opened_again_is_recognised_at_last(leads: Client) -> None:
    junk = await make(leads, full_name="test", mobile="11111111111")
    opened = await leads.ReopenLead(ReopenLeadRequest(id=junk.id, reason="真的叫这个名字"))
    assert (opened.state, opened.identity_id) == (Lead.OPEN, junk.identity_id)


async def test_first_contact_stops_the_clock_and_the_future_is_refused(leads: Client) -> None:
    lead = await make(leads, full_name=person(6), mobile=mobile(6))
    contacted = await leads.RecordContact(RecordContactRequest(id=lead.id))
    assert contacted.state == Lead.WORKING
    assert contacted.HasField("first_contact_seconds")
    first = contacted.first_contact_time
    again = await leads.RecordContact(RecordContactRequest(id=lead.id))
    assert again.first_contact_time == first
    request = RecordContactRequest(id=lead.id)
    request.contact_time.FromJsonString("2199-01-01T00:00:00Z")
    with refused("CONTACT_IN_FUTURE", "contact_time"):
        await leads.RecordContact(request)


async def test_changed_lead_is_cleaned_and_scored_again(leads: Client) -> None:
    lead = await make(leads, full_name=person(7), wechat="wx_someone_7")
    change = Lead(id=lead.id, mobile="138-2468-1357", etag=lead.etag)
    changed = await leads.UpdateLead(UpdateLeadRequest(lead=change))
    assert changed.mobile == "+8613824681357"
    assert changed.score > lead.score
    with refused("ETAG_MISMATCH", "etag"):
        await leads.UpdateLead(UpdateLeadRequest(lead=change))


async def test_score_explains_itself_by_the_tenants_own_rules(leads: Client) -> None:
    rule = ScoringRule(code="vip", display_name="大客户", condition='city:"济南"', points=77, active=True)
    await leads.CreateScoringRule(CreateScoringRuleRequest(scoring_rule=rule))
    lead = await make(leads, full_name=person(8), mobile=mobile(8), province="山东", city="济南")
    assert (lead.score, [(c.rule_code, c.points) for c in lead.contributions]) == (77, [("vip", 77)])
    assert lead.grade == "B"
    await leads.SetGradeScale(SetGradeScaleRequest(grade_scale=GradeScale(a_from=70, b_from=40, c_from=10)))
    scored = await leads.ScoreLead(ScoreLeadRequest(id=lead.id))
    assert scored.grade == "A"
    assert (await events_of(leads, lead.id))[-1].DESCRIPTOR.name == "LeadScored"


async def test_rules_that_cannot_be_understood_are_refused(leads: Client) -> None:
    with refused("CONDITION_INVALID", "scoring_rule.condition"):
        broken = ScoringRule(code="x", display_name="x", condition="nonsense = 1", points=1)
        await leads.CreateScoringRule(CreateScoringRuleRequest(scoring_rule=broken))
    with refused("CONDITION_INVALID", "qualification_rule.condition"):
        await qualification(leads, "score >")
    with refused("GRADE_SCALE_INVALID", "grade_scale"):
        await leads.SetGradeScale(SetGradeScaleRequest(grade_scale=GradeScale(a_from=1, b_from=2, c_from=3)))
    assert (await leads.GetGradeScale(GetGradeScaleRequest())).a_from == 80


async def test_filter_that_does_not_parse_and_foreign_page_token_are_refused(leads: Client) -> None:
    with refused("CONDITION_INVALID", "filter"):
        await leads.ListLeads(ListLeadsRequest(filter="scorre >"))
    for number in range(3):
        await make(leads, full_name=person(number), mobile=mobile(number))
    page = await leads.ListLeads(ListLeadsRequest(page_size=2))
    with refused("PAGE_TOKEN_INVALID", "page_token"):
        await leads.ListLeads(ListLeadsRequest(page_size=2, page_token=page.next_page_token, filter="score > 0"))


async def test_deleted_lead_is_gone_and_told(leads: Client) -> None:
    lead = await make(leads, full_name=person(9), mobile=mobile(9))
    await leads.DeleteLead(DeleteLeadRequest(id=lead.id))
    with refused("RESOURCE_NOT_FOUND"):
        await leads.GetLead(GetLeadRequest(id=lead.id))
    assert [event.DESCRIPTOR.name for event in await events_of(leads, lead.id)] == ["LeadCreated", "LeadDeleted"]
