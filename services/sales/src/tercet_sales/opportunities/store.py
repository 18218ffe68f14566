"""Queries of opportunities, pipelines and grades, and the way into being that every new opportunity takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_chassis.conditions import own_fields
from tercet_chassis.entity import view
from tercet_chassis.errors import Violation
from tercet_chassis.money import Money
from tercet_chassis.showing import hidden_paths
from tercet_conditions import Schema
from tercet_sales.amounts import check_amount
from tercet_sales.catalogue.errors import ProductUnknown
from tercet_sales.catalogue.store import products_by_code
from tercet_sales.customers.errors import CustomerUnknown
from tercet_sales.customers.model import Customer
from tercet_sales.customers.store import by_id as customer_by_id
from tercet_sales.customers.store import mark_used
from tercet_sales.opportunities.errors import PipelineIncomplete, PipelineUnknown
from tercet_sales.opportunities.model import CertaintyGrade, Opportunity, Pipeline, PipelineStage, StageChange
from tercet_sales.opportunities.rules import (
    OPEN,
    STANDARD_STAGES,
    Grade,
    GradeVerdict,
    Stage,
    decided,
    order_of,
    schema,
    verdicts,
)
from tercet_sales.rates.store import in_reporting

DEFAULT_PIPELINE = "default"


async def by_id(tx: Tx, id: UUID, *, lock: bool = False) -> Opportunity | None:
    """The opportunity, whoever may see it."""
    query = select(Opportunity).where(Opportunity.id == id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await tx.session.scalars(query)).one_or_none()


async def stages_of(tx: Tx, pipeline_code: str | None) -> list[Stage]:
    """The stages of a pipeline in their order."""
    query = select(PipelineStage).where(PipelineStage.pipeline_code == pipeline_code)
    return order_of(stage.facts() for stage in (await tx.session.scalars(query)).all())


async def stage_entities(tx: Tx, pipeline_code: str) -> list[PipelineStage]:
    """The rows of a pipeline's stages."""
    query = select(PipelineStage).where(PipelineStage.pipeline_code == pipeline_code).order_by(PipelineStage.id)
    return list((await tx.session.scalars(query)).all())


async def pipeline_by_code(tx: Tx, code: str) -> Pipeline | None:
    """The pipeline of that code."""
    return (await tx.session.scalars(select(Pipeline).where(Pipeline.code == code))).one_or_none()


async def uses_stage(tx: Tx, pipeline_code: str, stage_code: str = "") -> bool:
    """Whether opportunities go through the pipeline, or are in that stage of it."""
    v = view(Opportunity)
    conditions = [v.c.pipeline_code == pipeline_code, *([v.c.stage_code == stage_code] if stage_code else [])]
    return (await tx.session.scalar(select(v.c.id).where(*conditions).limit(1))) is not None


async def grades(tx: Tx) -> list[Grade]:
    """All grades of certainty, highest first."""
    found = (await tx.session.scalars(select(CertaintyGrade))).all()
    return sorted((grade.facts() for grade in found), key=lambda grade: (-grade.rank, grade.code))


async def condition_schema(tx: Tx) -> Schema:
    """What conditions on opportunities may speak of in this tenant, its own fields included; nothing is masked."""
    return schema((await own_fields(tx, Opportunity.__tablename__)).get)


def zone(tx: Tx) -> ZoneInfo:
    """The zone in which the caller's days are counted."""
    return ZoneInfo(tx.principal.zone or "UTC")


async def judge_certainty(tx: Tx, opportunity: Opportunity) -> list[GradeVerdict]:
    """What the rules say of each grade."""
    known, hidden = await condition_schema(tx), await hidden_paths(tx, Opportunity)
    return verdicts(await grades(tx), opportunity.facts(), known, tx.now(), zone(tx), hidden)


async def settle(tx: Tx, opportunity: Opportunity, *, amount_changed: bool) -> None:
    """Works out what follows from its data: its amount in reporting currency and, unless pinned, its certainty."""
    if amount_changed and opportunity.expected_amount is not None:
        check_amount(opportunity.expected_amount, "opportunity.expected_amount")
    if amount_changed:
        unit_id = opportunity.seller_unit_id or opportunity.unit_id
        today = tx.now().astimezone(zone(tx)).date()
        opportunity.reporting_amount, opportunity.rate_id = await in_reporting(
            tx, opportunity.expected_amount, unit_id, today
        )
    if not opportunity.certainty_pinned:
        grade = decided(await judge_certainty(tx, opportunity))
        opportunity.certainty_code = grade.code if grade else None


def products_in(opportunity: Opportunity) -> set[str]:
    """Codes of the products that the customer is interested in."""
    return {interest["product_code"] for interest in opportunity.interests or ()}


async def check_products(tx: Tx, codes: Iterable[str]) -> None:
    """Refuses interests in products that there are not."""
    wanted = sorted(set(codes))
    known = await products_by_code(tx, wanted) if wanted else {}
    unknown = [code for code in wanted if code not in known]
    if unknown:
        where = "opportunity.interests.product_code"
        refusal = ProductUnknown(product_code=", ".join(unknown))
        refusal.violations = (Violation(where, refusal.reason, refusal.message),)
        raise refusal


async def pipeline_for(tx: Tx, code: str | None, unit_id: UUID | None) -> Pipeline:
    """The pipeline that is named, else that of the nearest unit, else one for everybody, made when the tenant has none.

    Refuses an unknown one.
    """
    if code:
        named = await pipeline_by_code(tx, code)
        if named is not None and named.active:
            return named
        if code != DEFAULT_PIPELINE or named is not None:
            raise PipelineUnknown(pipeline_code=code)
    active = list(
        (await tx.session.scalars(select(Pipeline).where(Pipeline.active.is_(True)).order_by(Pipeline.code))).all()
    )
    by_unit: dict[UUID | None, Pipeline] = {}
    for pipeline in active:
        by_unit.setdefault(pipeline.served_unit_id, pipeline)
    for unit in await tx.known.unit_line(unit_id) if len(by_unit) > 1 or None not in by_unit else ():
        if unit in by_unit:
            return by_unit[unit]
    general = {pipeline.code: pipeline for pipeline in active if pipeline.served_unit_id is None}
    return general.get(DEFAULT_PIPELINE) or next(iter(general.values()), None) or await _standard_pipeline(tx)


async def _standard_pipeline(tx: Tx) -> Pipeline:
    await tx.hold("pipeline", [DEFAULT_PIPELINE])
    existing = await pipeline_by_code(tx, DEFAULT_PIPELINE)
    if existing is not None:
        if not existing.active:
            raise PipelineUnknown(pipeline_code=DEFAULT_PIPELINE)
        return existing
    pipeline = tx.add(Pipeline(code=DEFAULT_PIPELINE, name="标准流程 Standard", active=True))
    tx.emit(events.PipelineCreated, pipeline)
    for stage, name in STANDARD_STAGES:
        row = PipelineStage(
            pipeline_code=DEFAULT_PIPELINE,
            code=stage.code,
            name=name,
            category=stage.category,
            position=stage.position,
            probability=stage.probability,
            gates=[],
        )
        tx.emit(events.PipelineStageCreated, tx.add(row))
    await tx.flush()
    return pipeline


async def begin(
    tx: Tx,
    opportunity: Opportunity,
    customer: Customer,
    pipeline: Pipeline,
    *,
    owner_id: UUID | None,
    unit_id: UUID | None,
) -> Opportunity:
    """Puts a new opportunity into the first stage of its pipeline and tells it. Refuses a pipeline without one."""
    with tx.session.no_autoflush:
        opportunity.identity_id, opportunity.party_id = customer.identity_id, customer.party_id
        opportunity.unit_id = unit_id or customer.unit_id or opportunity.unit_id
        opportunity.owner_id = owner_id or opportunity.owner_id or customer.owner_id
        opportunity.partner_party_id = opportunity.partner_party_id or customer.partner_party_id
        first = next((stage for stage in await stages_of(tx, pipeline.code) if stage.category == OPEN), None)
        if first is None:
            raise PipelineIncomplete(pipeline_code=pipeline.code, category=OPEN)
        tx.add(opportunity.begin(pipeline.code, first, tx.now()))
        await settle(tx, opportunity, amount_changed=True)
        await mark_used(tx, customer.id)
    tx.emit(events.OpportunityCreated, opportunity)
    return opportunity


async def open_opportunity(
    tx: Tx,
    *,
    id: UUID,
    customer_id: UUID,
    title: str,
    amount: Money | None,
    close_date: date | None,
    source: str | None,
    unit_id: UUID | None,
    owner_id: UUID | None,
) -> Opportunity:
    """The opportunity of that id, made when there is none: for work that begins by itself, such as a renewal.

    Refuses an unknown customer.
    """
    existing = await by_id(tx, id)
    if existing is not None:
        return existing
    customer = await customer_by_id(tx, customer_id)
    if customer is None:
        raise CustomerUnknown(customer_id=customer_id)
    pipeline = await pipeline_for(tx, None, unit_id or customer.unit_id)
    opportunity = Opportunity(
        id=id,
        customer_id=customer_id,
        title=title,
        expected_amount=amount,
        expected_close_date=close_date,
        source_code=source,
        interests=[],
        parties=[],
        owner_id=owner_id,
        unit_id=unit_id,
    )
    tx.add(opportunity)
    return await begin(tx, opportunity, customer, pipeline, owner_id=owner_id, unit_id=unit_id)


async def forget_history(tx: Tx, opportunity_id: UUID) -> None:
    """Removes the stage changes of an opportunity that is deleted."""
    await tx.session.execute(delete(StageChange).where(StageChange.opportunity_id == opportunity_id))


async def open_work(tx: Tx, customer_id: UUID, owner_id: UUID) -> Sequence[Opportunity]:
    """The open opportunities that somebody has with a customer; locked."""
    query = select(Opportunity).where(
        Opportunity.customer_id == customer_id, Opportunity.owner_id == owner_id, Opportunity.state == OPEN
    )
    return (await tx.session.scalars(query.order_by(Opportunity.id).with_for_update())).all()


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many opportunities there are, and those without customer, beside their history, or second of a lead."""
    v, changes, customers = view(Opportunity), view(StageChange), view(Customer)
    total = await tx.session.scalar(select(func.count()).select_from(v))
    last = (
        select(changes.c.to_stage_code).where(changes.c.opportunity_id == v.c.id).order_by(changes.c.id.desc()).limit(1)
    )
    owned = select(customers.c.id).where(customers.c.id == v.c.customer_id)
    wrong = or_(~owned.exists(), v.c.stage_code.is_distinct_from(last.scalar_subquery()))
    broken = [str(id) for id in (await tx.session.scalars(select(v.c.id).where(wrong).limit(20))).all()]
    twice = select(v.c.lead_id).where(v.c.lead_id.is_not(None)).group_by(v.c.lead_id).having(func.count() > 1).limit(20)
    broken += [f"lead {lead}" for lead in (await tx.session.scalars(twice)).all()]
    return int(total or 0), broken


async def with_parties(tx: Tx, identity_ids: Iterable[UUID]) -> Sequence[Opportunity]:
    """Opportunities on which one of these identities has a part besides the customer; locked."""
    v = view(Opportunity)
    found: set[UUID] = set()
    for identity_id in identity_ids:
        query = select(v.c.id).where(v.c.parties.contains([{"identity_id": str(identity_id)}]))
        found.update((await tx.session.scalars(query)).all())
    rows = select(Opportunity).where(Opportunity.id.in_(sorted(found))).order_by(Opportunity.id).with_for_update()
    return (await tx.session.scalars(rows.execution_options(populate_existing=True))).all()


async def note_activity(tx: Tx, opportunity_id: UUID, when: datetime, said: Mapping[str, Any]) -> None:
    """Takes over what an activity said into the opportunity it is about, if that is open, and tells it."""
    opportunity = await by_id(tx, opportunity_id, lock=True)
    if opportunity is None or opportunity.state != OPEN:
        return
    opportunity.note(when, said["intent_level"], said["key_events"], said["next_step"], said["next_date"])
    await settle(tx, opportunity, amount_changed=False)
    if tx.session.is_modified(opportunity):
        tx.emit(events.OpportunityUpdated, opportunity)
