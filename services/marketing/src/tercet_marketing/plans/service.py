"""Plans from the draft to their end, and what runs and is due on which day."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import plan_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_marketing.plans import calendar, steering, store
from tercet_marketing.plans.jobs import set_alarms
from tercet_marketing.plans.model import Plan
from tercet_marketing.plans.rules import day_of

Finding = CheckInvariantsResponse.Finding


class PlanService(Handlers):
    """Serves tercet.marketing.v1.PlanService."""

    async def CreatePlan(self, request: pb.CreatePlanRequest, tx: Tx) -> Plan:
        """Makes a draft. Refuses crossed days, and strategies that it cannot have."""
        plan = await tx.create(Plan, request.plan)
        await steering.check(tx, plan)
        tx.emit(events.PlanCreated, plan)
        return plan

    async def UpdatePlan(self, request: pb.UpdatePlanRequest, tx: Tx) -> Plan:
        """Changes a plan, which is a draft from then on. Refused while it runs and once it has ended."""
        plan = await tx.get(Plan, request.plan.id, etag=request.plan.etag, lock=True)
        plan.rewrite()
        await tx.patch(plan, request.plan, request.update_mask if request.HasField("update_mask") else None)
        await steering.check(tx, plan)
        tx.emit(events.PlanUpdated, plan)
        return plan

    async def DeletePlan(self, request: pb.DeletePlanRequest, tx: Tx) -> Empty:
        """Removes a draft that was never approved."""
        plan = await tx.get(Plan, request.id, etag=request.etag, lock=True)
        plan.removable()
        await tx.delete(plan)
        tx.emit(events.PlanDeleted, plan)
        return Empty()

    async def ApprovePlan(self, request: pb.ApprovePlanRequest, tx: Tx) -> Plan:
        """Approves a plan with its drafts, and sets the days on which it begins and ends by itself."""
        plan = await tx.get(Plan, request.id, etag=request.etag, lock=True)
        await steering.approve(tx, plan)
        await set_alarms(tx, plan)
        return plan

    async def StartPlan(self, request: pb.StartPlanRequest, tx: Tx) -> Plan:
        """Begins a plan and what of it can run."""
        plan = await tx.get(Plan, request.id, etag=request.etag, lock=True)
        await steering.start(tx, plan)
        return plan

    async def PausePlan(self, request: pb.PausePlanRequest, tx: Tx) -> Plan:
        """Pauses a plan and what of it runs."""
        plan = await tx.get(Plan, request.id, etag=request.etag, lock=True)
        await steering.pause(tx, plan)
        return plan

    async def EndPlan(self, request: pb.EndPlanRequest, tx: Tx) -> Plan:
        """Ends a plan and its strategies for good."""
        plan = await tx.get(Plan, request.id, etag=request.etag, lock=True)
        await steering.end(tx, plan)
        return plan

    async def GetPlanCalendar(self, request: pb.GetPlanCalendarRequest, tx: Tx) -> pb.PlanCalendar:
        """What runs and what is due between two days."""
        return await calendar.shown(tx, day_of(request.from_date, "from_date"), day_of(request.to_date, "to_date"))


@invariant
async def ended_plans_are_over(tx: Tx) -> Finding:
    """No strategy has outlived the plan that ended it."""
    count, wrong = await store.alive_after_the_end(tx, 5)
    return finding("plans.ended_plans_are_over", count, wrong)
