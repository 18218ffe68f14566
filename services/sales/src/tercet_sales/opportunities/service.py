"""Methods of opportunities, pipelines and grades of certainty beyond the free ones."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1 import opportunity_service_pb2 as pb
from tercet.sales.v1 import pipeline_service_pb2 as pipeline_pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.entity import view
from tercet_chassis.invariants import finding
from tercet_chassis.showing import hidden_paths
from tercet_sales.customers.model import Customer
from tercet_sales.customers.store import check_seller, reachable
from tercet_sales.days import day_in
from tercet_sales.opportunities import store
from tercet_sales.opportunities.errors import (
    CertaintyReasonMissing,
    CertaintyUnknown,
    PipelineIncomplete,
    PipelineInUse,
    PipelineUnknown,
    StageCategoryTaken,
    StageGatesNotMet,
    StageInUse,
    StageIsClosing,
    StageUnknown,
)
from tercet_sales.opportunities.model import CertaintyGrade, Opportunity, Pipeline, PipelineStage, StageChange
from tercet_sales.opportunities.priorities import priorities_of
from tercet_sales.opportunities.rules import LOST, OPEN, WON, Stage, decided, missing, on_the_way, parsed

Finding = CheckInvariantsResponse.Finding


def _uuid(text: str) -> UUID | None:
    return UUID(text) if text else None


class OpportunityService(Handlers):
    """Serves tercet.sales.v1.OpportunityService."""

    async def CreateOpportunity(self, request: pb.CreateOpportunityRequest, tx: Tx) -> Opportunity:
        """Adds an opportunity in the first stage of its pipeline. Refuses an unknown customer, pipeline or product."""
        await store.check_products(tx, [interest.product_code for interest in request.opportunity.interests])
        return await self._create(request.opportunity, tx)

    async def EnsureOpportunity(self, request: pb.EnsureOpportunityRequest, tx: Tx) -> Opportunity:
        """Answers the opportunity of that id, made when there is none.

        Refuses an unknown customer, pipeline or product.
        """
        given = request.opportunity
        existing = await store.by_id(tx, UUID(given.id)) if given.id else None
        return existing or await self._create(given, tx)

    async def _create(self, given: pb.Opportunity, tx: Tx) -> Opportunity:
        customer = await reachable(tx, given.customer_id)
        await check_seller(tx, _uuid(given.seller_unit_id), customer)
        owner_id, unit_id = _uuid(given.owner_id), _uuid(given.unit_id)
        # The pipeline first: making the standard one writes rows, and a half-made opportunity must not be among them.
        pipeline = await store.pipeline_for(
            tx, given.pipeline_code, unit_id or customer.unit_id or tx.principal.unit_id
        )
        opportunity = await tx.create(Opportunity, given)
        return await store.begin(tx, opportunity, customer, pipeline, owner_id=owner_id, unit_id=unit_id)

    async def UpdateOpportunity(self, request: pb.UpdateOpportunityRequest, tx: Tx) -> Opportunity:
        """Changes an opportunity's own data. Refuses one that is closed and an unknown product."""
        opportunity = await tx.get(Opportunity, request.opportunity.id, etag=request.opportunity.etag)
        opportunity.check_open()
        amount, unit = opportunity.expected_amount, opportunity.seller_unit_id or opportunity.unit_id
        before, seller = store.products_in(opportunity), opportunity.seller_unit_id
        await tx.patch(opportunity, request.opportunity, request.update_mask)
        with tx.session.no_autoflush:
            # What a lead brought may be no product; only what is new has to be one.
            await store.check_products(tx, store.products_in(opportunity) - before)
            if opportunity.seller_unit_id != seller:
                customer = await tx.find(Customer, opportunity.customer_id)
                await check_seller(tx, opportunity.seller_unit_id, customer)
            changed = (amount, unit) != (opportunity.expected_amount, opportunity.seller_unit_id or opportunity.unit_id)
            await store.settle(tx, opportunity, amount_changed=changed)
        if tx.session.is_modified(opportunity):
            tx.emit(events.OpportunityUpdated, opportunity)
        return opportunity

    async def DeleteOpportunity(self, request: pb.DeleteOpportunityRequest, tx: Tx) -> Empty:
        """Removes an opportunity. Refuses one that is won."""
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag)
        opportunity.check_deletable()
        tx.emit(events.OpportunityDeleted, opportunity)
        await store.forget_history(tx, opportunity.id)
        await tx.delete(opportunity)
        return Empty()

    async def MoveStage(self, request: pb.MoveStageRequest, tx: Tx) -> Opportunity:
        """Comes into another open stage. Refuses gates that do not hold, closing stages, and a closed opportunity."""
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag, lock=True)
        opportunity.check_open()
        stages = await store.stages_of(tx, opportunity.pipeline_code)
        target = next((stage for stage in stages if stage.code == request.stage_code), None)
        if target is None:
            known = ", ".join(stage.code for stage in stages)
            raise StageUnknown(pipeline_code=opportunity.pipeline_code, stage_code=request.stage_code, known=known)
        if target.category != OPEN:
            raise StageIsClosing(stage_code=target.code, verb="win" if target.category == WON else "lose")
        if target.code == opportunity.stage_code:
            return opportunity
        await self._pass_gates(tx, opportunity, stages, target)
        previous = opportunity.stage_code
        tx.add(opportunity.move(target, tx.now(), tx.principal.user_id, request.reason))
        await store.settle(tx, opportunity, amount_changed=False)
        tx.emit(events.OpportunityStageMoved, opportunity, previous_stage_code=previous, reason=request.reason)
        return opportunity

    async def WinOpportunity(self, request: pb.WinOpportunityRequest, tx: Tx) -> Opportunity:
        """Is won. Refuses gates that do not hold, and a closed opportunity."""
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag, lock=True)
        opportunity.check_open()
        stages = await store.stages_of(tx, opportunity.pipeline_code)
        target = self._closing(opportunity, stages, WON)
        await self._pass_gates(tx, opportunity, stages, target)
        previous = opportunity.stage_code
        tx.add(opportunity.win(target, tx.now(), tx.principal.user_id, request.remark))
        tx.emit(events.OpportunityWon, opportunity, previous_stage_code=previous)
        return opportunity

    async def LoseOpportunity(self, request: pb.LoseOpportunityRequest, tx: Tx) -> Opportunity:
        """Is lost, with a reason. Refuses a closed opportunity."""
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag, lock=True)
        target = self._closing(opportunity, await store.stages_of(tx, opportunity.pipeline_code), LOST)
        previous = opportunity.stage_code
        tx.add(opportunity.lose(target, tx.now(), tx.principal.user_id, request.reason_code, request.remark))
        tx.emit(events.OpportunityLost, opportunity, previous_stage_code=previous)
        return opportunity

    async def ReopenOpportunity(self, request: pb.ReopenOpportunityRequest, tx: Tx) -> Opportunity:
        """Is open again in the stage it was closed from. Refuses one that is open."""
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag, lock=True)
        stages = [stage for stage in await store.stages_of(tx, opportunity.pipeline_code) if stage.category == OPEN]
        target = next(
            (stage for stage in stages if stage.code == opportunity.closed_from), stages[0] if stages else None
        )
        if target is None:
            raise PipelineIncomplete(pipeline_code=opportunity.pipeline_code, category=OPEN)
        previous = opportunity.state
        tx.add(opportunity.reopen(target, tx.now(), tx.principal.user_id, request.remark))
        await store.settle(tx, opportunity, amount_changed=False)
        tx.emit(events.OpportunityReopened, opportunity, previous_state=pb.Opportunity.State.Value(previous))
        return opportunity

    @staticmethod
    def _closing(opportunity: Opportunity, stages: list[Stage], category: str) -> Stage:
        found = next((stage for stage in stages if stage.category == category), None)
        if found is None:
            raise PipelineIncomplete(pipeline_code=opportunity.pipeline_code, category=category)
        return found

    @staticmethod
    async def _pass_gates(tx: Tx, opportunity: Opportunity, stages: list[Stage], target: Stage) -> None:
        way = on_the_way(stages, opportunity.stage_code, target)
        known = await store.condition_schema(tx)
        hidden = await hidden_paths(tx, Opportunity)
        lacking = missing(way, opportunity.facts(), known, tx.now(), store.zone(tx), hidden)
        if lacking:
            raise StageGatesNotMet.of(target.code, lacking)

    async def SetCertainty(self, request: pb.SetCertaintyRequest, tx: Tx) -> Opportunity:
        """Sets the certainty by judgement, or gives it back to the rules.

        Refuses an unknown grade and a judgement without reason.
        """
        opportunity = await tx.get(Opportunity, request.id, etag=request.etag)
        opportunity.check_open()
        if request.certainty_code:
            known = [grade.code for grade in await store.grades(tx)]
            if request.certainty_code not in known:
                raise CertaintyUnknown(certainty_code=request.certainty_code, known=", ".join(known) or "none yet")
            if not request.reason.strip():
                raise CertaintyReasonMissing
        opportunity.certainty_pinned = bool(request.certainty_code)
        opportunity.certainty_code = request.certainty_code or None
        opportunity.certainty_reason = request.reason or None
        await store.settle(tx, opportunity, amount_changed=False)
        if tx.session.is_modified(opportunity):
            tx.emit(events.OpportunityUpdated, opportunity)
        return opportunity

    async def ExplainCertainty(self, request: pb.ExplainCertaintyRequest, tx: Tx) -> pb.ExplainCertaintyResponse:
        """Why an opportunity has its certainty, grade by grade."""
        opportunity = await tx.get(Opportunity, request.id)
        found = await store.judge_certainty(tx, opportunity)
        rule = decided(found)
        return pb.ExplainCertaintyResponse(
            certainty_code=opportunity.certainty_code or "",
            rule_code=rule.code if rule else "",
            pinned=opportunity.certainty_pinned,
            grades=[
                pb.ExplainCertaintyResponse.Grade(
                    code=verdict.grade.code,
                    name=verdict.grade.name,
                    condition=verdict.grade.condition,
                    holds=verdict.holds,
                    reasons=verdict.reasons,
                )
                for verdict in found
            ],
        )

    async def ListStageChanges(self, request: pb.ListStageChangesRequest, tx: Tx) -> Message:
        """All stages an opportunity has been in, latest first. Refuses an opportunity out of reach."""
        opportunity = await tx.get(Opportunity, request.id)
        where = [view(StageChange).c.opportunity_id == opportunity.id]
        return await tx.page(StageChange, request, where=where, response=pb.ListStageChangesResponse)

    async def ListPriorityOpportunities(
        self, request: pb.ListPriorityOpportunitiesRequest, tx: Tx
    ) -> pb.ListPriorityOpportunitiesResponse:
        """Open opportunities in the order in which to work on them today. Refuses an unknown time zone."""
        today = day_in(request.time_zone or tx.principal.zone, tx.now())
        owner_id = _uuid(request.owner_id) or tx.principal.user_id
        found = await priorities_of(tx, owner_id, today, limit=request.page_size or 20)
        priority = pb.ListPriorityOpportunitiesResponse.Priority
        return pb.ListPriorityOpportunitiesResponse(
            priorities=[priority(opportunity=opportunity, reasons=reasons) for opportunity, reasons in found],
            on_date=today.isoformat(),
        )


class PipelineService(Handlers):
    """Serves tercet.sales.v1.PipelineService."""

    async def CreatePipeline(self, request: pipeline_pb.CreatePipelineRequest, tx: Tx) -> Pipeline:
        """Adds a pipeline, active unless it says otherwise. Refuses a code that is taken."""
        pipeline = await tx.create(Pipeline, request.pipeline)
        pipeline.active = pipeline.active is not False
        tx.emit(events.PipelineCreated, pipeline)
        return pipeline

    async def DeletePipeline(self, request: pipeline_pb.DeletePipelineRequest, tx: Tx) -> Empty:
        """Removes a pipeline with its stages. Refuses one that has opportunities."""
        pipeline = await tx.get(Pipeline, request.id, etag=request.etag, lock=True)
        if await store.uses_stage(tx, pipeline.code):
            raise PipelineInUse(pipeline_code=pipeline.code)
        for stage in await store.stage_entities(tx, pipeline.code):
            tx.emit(events.PipelineStageDeleted, stage)
            await tx.delete(stage)
        tx.emit(events.PipelineDeleted, pipeline)
        await tx.delete(pipeline)
        return Empty()

    async def CreatePipelineStage(self, request: pipeline_pb.CreatePipelineStageRequest, tx: Tx) -> PipelineStage:
        """Adds a stage. Refuses an unknown pipeline, a second won or lost stage, and a gate that does not parse."""
        given = request.pipeline_stage
        if await store.pipeline_by_code(tx, given.pipeline_code) is None:
            raise PipelineUnknown(pipeline_code=given.pipeline_code)
        category = pipeline_pb.PipelineStage.Category.Name(given.category)
        taken = [
            stage for stage in await store.stages_of(tx, given.pipeline_code) if stage.category == category != OPEN
        ]
        if taken:
            raise StageCategoryTaken(pipeline_code=given.pipeline_code, stage_code=taken[0].code, category=category)
        stage = await tx.create(PipelineStage, given)
        await self._check_gates(stage, tx)
        tx.emit(events.PipelineStageCreated, stage)
        return stage

    async def UpdatePipelineStage(self, request: pipeline_pb.UpdatePipelineStageRequest, tx: Tx) -> PipelineStage:
        """Changes a stage. Refuses a gate that does not parse."""
        stage = await tx.get(PipelineStage, request.pipeline_stage.id, etag=request.pipeline_stage.etag)
        await tx.patch(stage, request.pipeline_stage, request.update_mask)
        await self._check_gates(stage, tx)
        if tx.session.is_modified(stage):
            tx.emit(events.PipelineStageUpdated, stage)
        return stage

    async def DeletePipelineStage(self, request: pipeline_pb.DeletePipelineStageRequest, tx: Tx) -> Empty:
        """Removes a stage. Refuses one that opportunities are in."""
        stage = await tx.get(PipelineStage, request.id, etag=request.etag, lock=True)
        if await store.uses_stage(tx, stage.pipeline_code, stage.code):
            raise StageInUse(stage_code=stage.code)
        tx.emit(events.PipelineStageDeleted, stage)
        await tx.delete(stage)
        return Empty()

    async def CreateCertaintyGrade(self, request: pipeline_pb.CreateCertaintyGradeRequest, tx: Tx) -> CertaintyGrade:
        """Adds a grade. Refuses a condition that does not parse."""
        grade = await tx.create(CertaintyGrade, request.certainty_grade)
        await self._check_condition(grade, tx)
        tx.emit(events.CertaintyGradeCreated, grade)
        return grade

    async def UpdateCertaintyGrade(self, request: pipeline_pb.UpdateCertaintyGradeRequest, tx: Tx) -> CertaintyGrade:
        """Changes a grade. Refuses a condition that does not parse."""
        grade = await tx.get(CertaintyGrade, request.certainty_grade.id, etag=request.certainty_grade.etag)
        await tx.patch(grade, request.certainty_grade, request.update_mask)
        await self._check_condition(grade, tx)
        if tx.session.is_modified(grade):
            tx.emit(events.CertaintyGradeUpdated, grade)
        return grade

    @staticmethod
    async def _check_gates(stage: PipelineStage, tx: Tx) -> None:
        with tx.session.no_autoflush:
            known = await store.condition_schema(tx)
        for at, gate in enumerate(stage.facts().gates):
            parsed(gate.condition, known, f"pipeline_stage.gates[{at}].condition")

    @staticmethod
    async def _check_condition(grade: CertaintyGrade, tx: Tx) -> None:
        if grade.condition:
            with tx.session.no_autoflush:
                known = await store.condition_schema(tx)
            parsed(grade.condition, known, "certainty_grade.condition")


@invariant
async def opportunities_whole(tx: Tx) -> Finding:
    """Every opportunity has its customer, stands where its history ends, and is the only one of its lead."""
    total, broken = await store.astray(tx)
    return finding("opportunities.whole", total, broken)
