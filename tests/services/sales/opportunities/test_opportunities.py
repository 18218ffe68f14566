"""Opportunities over the real service: pipelines, gates, history, closing, certainty, reporting amounts, scopes."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from services.sales.builders import company, money, opportunity
from sqlalchemy import select

from tercet.sales.v1 import currency_rate_service_pb2 as rates
from tercet.sales.v1 import opportunity_service_pb2 as pb
from tercet.sales.v1 import pipeline_service_pb2 as pipelines
from tercet.sales.v1 import product_service_pb2 as products
from tercet.type.v1.party_pb2 import PartyRole
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis.errors import Refusal
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client, refused
from tercet_sales.opportunities import store
from tercet_sales.opportunities.model import StageChange

Stage = pipelines.PipelineStage


async def stage(
    sales: Client, pipeline: str, code: str, position: int, category: Any = Stage.OPEN, *gates: tuple[str, str]
) -> Stage:
    given = Stage(
        pipeline_code=pipeline,
        code=code,
        name=code,
        position=position,
        category=category,
        probability=position,
        gates=[Stage.Gate(condition=condition, message=message) for condition, message in gates],
    )
    made: Stage = await sales.CreatePipelineStage(pipelines.CreatePipelineStageRequest(pipeline_stage=given))
    return made


async def gated(sales: Client) -> str:
    """A pipeline with gates, for everybody."""
    await sales.CreatePipeline(
        pipelines.CreatePipelineRequest(pipeline=pipelines.Pipeline(code="deals", name="大客户"))
    )
    await stage(sales, "deals", "new", 10)
    await stage(sales, "deals", "offer", 20, Stage.OPEN, ("expected_amount.amount > 0", "填写预计金额"))
    await stage(
        sales, "deals", "talk", 30, Stage.OPEN, ("intent_level >= 3", "确认意向等级"), ("interests:WS-1", "写明产品")
    )
    await stage(sales, "deals", "won", 90, Stage.WON, ("expected_close_date:*", "填写成交日期"))
    await stage(sales, "deals", "lost", 99, Stage.LOST)
    return "deals"


async def update(sales: Client, id: str, **values: Any) -> pb.Opportunity:
    mask = FieldMask(paths=list(values))
    made: pb.Opportunity = await sales.UpdateOpportunity(
        pb.UpdateOpportunityRequest(opportunity=pb.Opportunity(id=id, **values), update_mask=mask)
    )
    return made


async def move(sales: Client, id: str, code: str, **values: Any) -> pb.Opportunity:
    made: pb.Opportunity = await sales.MoveStage(pb.MoveStageRequest(id=id, stage_code=code, **values))
    return made


async def test_a_new_tenant_needs_no_configuration(sales: Client) -> None:
    customer = await company(sales)
    made = await opportunity(sales, customer.id)
    assert (made.pipeline_code, made.stage_code, made.probability, made.state) == (
        "default",
        "new",
        10,
        pb.Opportunity.OPEN,
    )
    assert (made.identity_id, made.party_id) == (customer.identity_id, customer.party_id)
    assert made.direction == pb.Opportunity.SELL
    stages = await sales.ListPipelineStages(pipelines.ListPipelineStagesRequest(filter='pipeline_code = "default"'))
    assert len(stages.pipeline_stages) == 6


async def test_the_standard_pipeline_is_made_once_for_many_at_once(sales: Client) -> None:
    customer = await company(sales)
    made = await asyncio.gather(*(opportunity(sales, customer.id, f"商机{at}") for at in range(5)))
    assert {item.pipeline_code for item in made} == {"default"}
    assert len((await sales.ListPipelines(pipelines.ListPipelinesRequest())).pipelines) == 1


async def test_the_pipeline_of_the_nearest_unit_is_taken(sales: Client) -> None:
    region, team = new_id(), new_id()
    path = await sales.know_unit(region)
    await sales.know_unit(team, parent_path=path)
    await gated(sales)
    await sales.CreatePipeline(
        pipelines.CreatePipelineRequest(
            pipeline=pipelines.Pipeline(code="east", name="华东", served_unit_id=str(region))
        )
    )
    await stage(sales, "east", "first", 5)
    of_team = await company(sales, unit_id=str(team))
    of_others = await company(sales, unit_id=str(new_id()))
    assert (await opportunity(sales, of_team.id)).pipeline_code == "east"
    assert (await opportunity(sales, of_others.id)).pipeline_code == "deals"


async def test_an_illegal_move_lists_every_missing_criterion(sales: Client) -> None:
    await gated(sales)
    made = await opportunity(sales, (await company(sales)).id)
    with pytest.raises(Refusal) as refusal:
        await move(sales, made.id, "talk")
    assert refusal.value.reason == "STAGE_GATES_NOT_MET"
    assert [(item.field, item.reason, item.message) for item in refusal.value.violations] == [
        ("opportunity.expected_amount.amount", "GATE_NOT_MET", "offer: 填写预计金额 (expected amount is missing)"),
        ("opportunity.intent_level", "GATE_NOT_MET", "talk: 确认意向等级 (intent level is missing)"),
        ("opportunity.interests", "GATE_NOT_MET", "talk: 写明产品 (interests is , not containing WS-1)"),
    ]
    assert (await sales.GetOpportunity(pb.GetOpportunityRequest(id=made.id))).stage_code == "new"


async def test_a_move_whose_gates_hold_is_made_and_remembered(sales: Client) -> None:
    await gated(sales)
    await sales.CreateProduct(
        products.CreateProductRequest(product=products.Product(code="WS-1", name="工作站", unit_of_measure="台"))
    )
    made = await opportunity(
        sales,
        (await company(sales)).id,
        expected_amount=money("120000"),
        intent_level=4,
        interests=[pb.Opportunity.Interest(product_code="WS-1", quantity="20")],
    )
    moved = await move(sales, made.id, "talk", etag=made.etag, reason="客户确认需求")
    assert (moved.stage_code, moved.probability) == ("talk", 30)
    back = await move(sales, made.id, "new")
    assert back.stage_code == "new"
    history = (await sales.ListStageChanges(pb.ListStageChangesRequest(id=made.id))).stage_changes
    assert [(row.from_stage_code, row.to_stage_code, row.reason) for row in history] == [
        ("talk", "new", ""),
        ("new", "talk", "客户确认需求"),
        ("", "new", ""),
    ]
    with refused("ETAG_MISMATCH", "etag"):
        await move(sales, made.id, "offer", etag=made.etag)


async def test_moves_that_can_never_be_are_refused(sales: Client) -> None:
    await gated(sales)
    made = await opportunity(sales, (await company(sales)).id)
    with refused("STAGE_UNKNOWN", "stage_code"):
        await move(sales, made.id, "nirvana")
    with refused("STAGE_IS_CLOSING", "stage_code"):
        await move(sales, made.id, "won")
    with refused("PIPELINE_UNKNOWN", "opportunity.pipeline_code"):
        await opportunity(sales, made.customer_id, pipeline_code="none")
    with refused("CUSTOMER_UNKNOWN"):
        await opportunity(sales, str(new_id()))
    with refused("AMOUNT_NEGATIVE", "opportunity.expected_amount.amount"):
        await opportunity(sales, made.customer_id, expected_amount=money("-1"))
    with refused("CURRENCY_UNKNOWN", "opportunity.expected_amount.currency_code"):
        await update(sales, made.id, expected_amount=money("1", "XYZ"))
    with refused("PRODUCT_UNKNOWN", "opportunity.interests.product_code"):
        await opportunity(sales, made.customer_id, interests=[pb.Opportunity.Interest(product_code="none")])


async def test_winning_asks_all_gates_ahead_and_closes(sales: Client) -> None:
    await gated(sales)
    made = await opportunity(sales, (await company(sales)).id)
    with refused("STAGE_GATES_NOT_MET", "opportunity.expected_close_date"):
        await sales.WinOpportunity(pb.WinOpportunityRequest(id=made.id))
    plain = await opportunity(
        sales, made.customer_id, expected_close_date="2026-04-01", expected_amount=money("1"), intent_level=5
    )
    with refused("STAGE_GATES_NOT_MET", "opportunity.interests"):
        await sales.WinOpportunity(pb.WinOpportunityRequest(id=plain.id))


async def test_a_closed_opportunity_is_changed_only_by_reopening(sales: Client) -> None:
    made = await opportunity(sales, (await company(sales)).id)
    await move(sales, made.id, "proposal")
    lost = await sales.LoseOpportunity(pb.LoseOpportunityRequest(id=made.id, reason_code="price", remark="竞品更低"))
    assert (lost.state, lost.stage_code, lost.lost_reason_code, lost.probability) == (
        pb.Opportunity.LOST,
        "lost",
        "price",
        0,
    )
    assert lost.HasField("close_time")
    for refusing in (
        move(sales, made.id, "new"),
        update(sales, made.id, title="x"),
        sales.WinOpportunity(pb.WinOpportunityRequest(id=made.id)),
        sales.LoseOpportunity(pb.LoseOpportunityRequest(id=made.id, reason_code="price")),
    ):
        with refused("OPPORTUNITY_CLOSED"):
            await refusing
    opened = await sales.ReopenOpportunity(pb.ReopenOpportunityRequest(id=made.id, remark="客户回来了"))
    assert (opened.state, opened.stage_code, opened.lost_reason_code) == (pb.Opportunity.OPEN, "proposal", "")
    assert not opened.HasField("close_time")
    with refused("OPPORTUNITY_OPEN"):
        await sales.ReopenOpportunity(pb.ReopenOpportunityRequest(id=made.id, remark="x"))


async def test_a_won_opportunity_is_not_deleted(sales: Client) -> None:
    made = await opportunity(sales, (await company(sales)).id)
    won = await sales.WinOpportunity(pb.WinOpportunityRequest(id=made.id))
    assert (won.state, won.probability) == (pb.Opportunity.WON, 100)
    with refused("OPPORTUNITY_CLOSED"):
        await sales.DeleteOpportunity(pb.DeleteOpportunityRequest(id=made.id))


async def test_of_two_who_close_at_once_one_is_refused(sales: Client) -> None:
    made = await opportunity(sales, (await company(sales)).id)
    both = await asyncio.gather(
        sales.WinOpportunity(pb.WinOpportunityRequest(id=made.id)),
        sales.LoseOpportunity(pb.LoseOpportunityRequest(id=made.id, reason_code="price")),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, pb.Opportunity) for answer in both) == 1


async def test_the_reporting_amount_is_frozen_with_its_rate(sales: Client) -> None:
    async def rate(value: str) -> rates.CurrencyRate:
        given = rates.CurrencyRate(from_currency="USD", to_currency="CNY", rate_date="2026-01-01", rate=value)
        made: rates.CurrencyRate = await sales.CreateCurrencyRate(rates.CreateCurrencyRateRequest(currency_rate=given))
        return made

    first = await rate("7.1")
    made = await opportunity(sales, (await company(sales)).id, expected_amount=money("100", "USD"))
    assert (made.reporting_amount.amount, made.reporting_amount.currency_code, made.rate_id) == (
        "710.00",
        "CNY",
        first.id,
    )
    second = await rate("7.3")
    renamed = await update(sales, made.id, title="二十一台工作站")
    assert renamed.rate_id == first.id
    raised = await update(sales, made.id, expected_amount=money("200", "USD"))
    assert (raised.reporting_amount.amount, raised.rate_id) == ("1460.00", second.id)
    unknown = await update(sales, made.id, expected_amount=money("200", "EUR"))
    assert not unknown.HasField("reporting_amount")


async def test_certainty_follows_the_rules_until_it_is_pinned(sales: Client) -> None:
    for code, rank, condition in (("H", 30, "intent_level >= 4"), ("M", 20, "intent_level >= 2"), ("L", 10, "")):
        grade = pipelines.CertaintyGrade(code=code, name=code, rank=rank, condition=condition)
        await sales.CreateCertaintyGrade(pipelines.CreateCertaintyGradeRequest(certainty_grade=grade))
    made = await opportunity(sales, (await company(sales)).id)
    assert made.certainty_code == "L"
    assert (await update(sales, made.id, intent_level=3)).certainty_code == "M"
    pinned = await sales.SetCertainty(pb.SetCertaintyRequest(id=made.id, certainty_code="H", reason="老板拍板"))
    assert (pinned.certainty_code, pinned.certainty_pinned) == ("H", True)
    assert (await update(sales, made.id, intent_level=1)).certainty_code == "H"
    why = await sales.ExplainCertainty(pb.ExplainCertaintyRequest(id=made.id))
    assert (why.certainty_code, why.rule_code, why.pinned) == ("H", "L", True)
    assert [(grade.code, grade.holds, list(grade.reasons)) for grade in why.grades] == [
        ("H", False, ["intent level is 1, not at least 4"]),
        ("M", False, ["intent level is 1, not at least 2"]),
        ("L", True, ["it has no condition"]),
    ]
    assert (await sales.SetCertainty(pb.SetCertaintyRequest(id=made.id))).certainty_code == "L"
    with refused("CERTAINTY_UNKNOWN", "certainty_code"):
        await sales.SetCertainty(pb.SetCertaintyRequest(id=made.id, certainty_code="X", reason="x"))
    with refused("CERTAINTY_REASON_MISSING", "reason"):
        await sales.SetCertainty(pb.SetCertaintyRequest(id=made.id, certainty_code="H"))


async def test_conditions_that_do_not_parse_are_refused_when_they_are_written(sales: Client) -> None:
    with refused("CONDITION_INVALID", "certainty_grade.condition"):
        grade = pipelines.CertaintyGrade(code="X", name="X", condition="intent_level >")
        await sales.CreateCertaintyGrade(pipelines.CreateCertaintyGradeRequest(certainty_grade=grade))
    await gated(sales)
    with refused("CONDITION_INVALID", "pipeline_stage.gates[1].condition"):
        await stage(sales, "deals", "x", 40, Stage.OPEN, ("intent_level >= 1", "x"), ("nothing = 1", "x"))


async def test_a_pipeline_has_one_won_stage_and_keeps_what_is_in_use(sales: Client) -> None:
    await gated(sales)
    with refused("STAGE_CATEGORY_TAKEN", "pipeline_stage.category"):
        await stage(sales, "deals", "won2", 91, Stage.WON)
    with refused("PIPELINE_UNKNOWN"):
        await stage(sales, "none", "x", 1)
    await opportunity(sales, (await company(sales)).id)
    found = await sales.ListPipelineStages(pipelines.ListPipelineStagesRequest(filter='code = "new"'))
    with refused("STAGE_IN_USE", "id"):
        await sales.DeletePipelineStage(pipelines.DeletePipelineStageRequest(id=found.pipeline_stages[0].id))
    pipeline = (await sales.ListPipelines(pipelines.ListPipelinesRequest())).pipelines[0]
    with refused("PIPELINE_IN_USE", "id"):
        await sales.DeletePipeline(pipelines.DeletePipelineRequest(id=pipeline.id))


async def test_ensuring_an_opportunity_makes_it_once(sales: Client) -> None:
    customer = await company(sales)
    lead = str(new_id())
    given = pb.Opportunity(
        id=str(new_id()), customer_id=customer.id, title="线索转化", lead_id=lead, source_code="weibo"
    )
    system = sales.as_(kind="system")
    first = await system.EnsureOpportunity(pb.EnsureOpportunityRequest(opportunity=given))
    again = await system.EnsureOpportunity(pb.EnsureOpportunityRequest(opportunity=given))
    assert first.id == again.id == given.id
    assert (first.lead_id, first.source_code, first.owner_id, first.unit_id) == (
        lead,
        "weibo",
        customer.owner_id,
        customer.unit_id,
    )
    assert first.etag == again.etag


async def test_work_that_begins_by_itself_opens_one_opportunity(sales: Client) -> None:
    customer = await company(sales)
    id = new_id()
    for _ in range(2):
        async with sales.transaction() as tx:
            made = await store.open_opportunity(
                tx,
                id=id,
                customer_id=UUID(customer.id),
                title="续约",
                amount=Money.of("5000", "CNY"),
                close_date=date(2026, 12, 31),
                source="renewal",
                unit_id=None,
                owner_id=None,
            )
            assert (made.stage_code, made.source_code) == ("new", "renewal")
    assert len((await sales.ListOpportunities(pb.ListOpportunitiesRequest())).opportunities) == 1


async def test_parties_with_their_roles_are_kept(sales: Client) -> None:
    dealer = str(new_id())
    role = PartyRole(role=PartyRole.DEALER, identity_id=dealer, party_id=dealer)
    made = await opportunity(sales, (await company(sales)).id, parties=[role], direction=pb.Opportunity.BUY)
    read = await sales.GetOpportunity(pb.GetOpportunityRequest(id=made.id))
    assert list(read.parties) == [role]
    assert read.direction == pb.Opportunity.BUY


async def test_state_and_stage_are_not_written_by_a_patch(sales: Client) -> None:
    made = await opportunity(sales, (await company(sales)).id)
    for path in ("state", "stage_code", "probability", "customer_id", "identity_id"):
        request = pb.UpdateOpportunityRequest(
            opportunity=pb.Opportunity(id=made.id), update_mask=FieldMask(paths=[path])
        )
        with refused("FIELD_NOT_WRITABLE", path):
            await sales.UpdateOpportunity(request)


async def test_the_priority_list_is_the_callers_own_and_in_order(sales: Client) -> None:
    me = sales.as_(permissions={"sales.*": "all"}, user_id=new_id())
    customer = await company(me)
    today = datetime.now(UTC).date()
    later = await opportunity(
        me, customer.id, "以后", next_step="回访", next_step_date=str(today + timedelta(days=365))
    )
    late = await opportunity(
        me, customer.id, "过期", next_step="打电话", next_step_date=str(today - timedelta(days=365))
    )
    closing = await opportunity(me, customer.id, "临近", expected_close_date=str(today))
    await opportunity(sales, customer.id, "同事的", owner_id=str(new_id()))
    lost = await opportunity(me, customer.id, "输单")
    await me.LoseOpportunity(pb.LoseOpportunityRequest(id=lost.id, reason_code="price"))
    for _ in range(2):
        answer = await me.ListPriorityOpportunities(pb.ListPriorityOpportunitiesRequest())
        assert [item.opportunity.id for item in answer.priorities] == [late.id, closing.id, later.id]
    assert answer.priorities[0].reasons[0] == "next_step_overdue"
    with refused("TIME_ZONE_UNKNOWN", "time_zone"):
        await me.ListPriorityOpportunities(pb.ListPriorityOpportunitiesRequest(time_zone="Mars/Olympus"))


async def test_opportunities_are_seen_and_moved_by_scope(sales: Client) -> None:
    unit, seller = new_id(), new_id()
    await sales.know_unit(unit)
    customer = await company(sales, unit_id=str(unit))
    mine = await opportunity(sales, customer.id, owner_id=str(seller))
    of_unit = await opportunity(sales, customer.id, owner_id=str(new_id()))
    rights = {"sales.opportunity.read": "unit", "sales.opportunity.move": "own"}
    reader = sales.as_(permissions=rights, user_id=seller, unit_id=unit)
    listed = await reader.ListOpportunities(pb.ListOpportunitiesRequest())
    assert {item.id for item in listed.opportunities} == {mine.id, of_unit.id}
    await move(reader, mine.id, "qualified")
    with refused("RESOURCE_NOT_FOUND"):
        await move(reader, of_unit.id, "qualified")
    with refused("PERMISSION_MISSING"):
        await reader.WinOpportunity(pb.WinOpportunityRequest(id=mine.id))
    with refused("RESOURCE_NOT_FOUND"):
        await sales.as_(tenant_id=new_id()).ListStageChanges(pb.ListStageChangesRequest(id=mine.id))


async def test_what_a_lead_was_interested_in_is_kept_even_when_it_is_no_product(sales: Client) -> None:
    customer = await company(sales)
    interest = pb.Opportunity.Interest(product_code="轿车系列")
    given = pb.Opportunity(id=str(new_id()), customer_id=customer.id, title="线索转化", interests=[interest])
    made = await sales.as_(kind="system").EnsureOpportunity(pb.EnsureOpportunityRequest(opportunity=given))
    assert list(made.interests) == [interest]
    assert (await update(sales, made.id, title="改名")).interests == made.interests
    with refused("PRODUCT_UNKNOWN"):
        await update(sales, made.id, interests=[interest, pb.Opportunity.Interest(product_code="none")])


async def test_a_deleted_opportunity_takes_its_history_along(sales: Client) -> None:
    made = await opportunity(sales, (await company(sales)).id)
    await sales.DeleteOpportunity(pb.DeleteOpportunityRequest(id=made.id, etag=made.etag))
    with refused("RESOURCE_NOT_FOUND"):
        await sales.ListStageChanges(pb.ListStageChangesRequest(id=made.id))
    async with sales.transaction() as tx:
        assert await tx.session.scalar(select(StageChange.id)) is None


async def test_the_name_in_another_system_is_given_once(sales: Client) -> None:
    customer = await company(sales)
    name = ExternalRef(system="erp", id="4711")
    made = await opportunity(sales, customer.id, external_ref=name)
    with refused("RESOURCE_ALREADY_EXISTS", "opportunity.external_ref"):
        await opportunity(sales, customer.id, external_ref=name)
    found = await sales.ListOpportunities(pb.ListOpportunitiesRequest(filter='external_ref.id = "4711"'))
    assert [item.id for item in found.opportunities] == [made.id]


async def test_an_explanation_does_not_tell_what_is_masked(sales: Client) -> None:
    grade = pipelines.CertaintyGrade(code="H", name="高", rank=1, condition='next_step = "签合同"')
    await sales.CreateCertaintyGrade(pipelines.CreateCertaintyGradeRequest(certainty_grade=grade))
    made = await opportunity(sales, (await company(sales)).id, next_step="给张总打电话 13812345678")
    request = pb.ExplainCertaintyRequest(id=made.id)
    assert "13812345678" in (await sales.ExplainCertainty(request)).grades[0].reasons[0]
    masked = await sales.as_(masks=["FREE_TEXT"]).ExplainCertainty(request)
    assert list(masked.grades[0].reasons) == ["next_step does not fit"]
