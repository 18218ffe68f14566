"""Plans begin and end by themselves on their days."""

from __future__ import annotations

from datetime import UTC, datetime

from tercet_chassis import Tx, job
from tercet_marketing.plans.model import Plan
from tercet_marketing.plans.steering import end, runnable, start, zone_of
from tercet_marketing.strategies.states import APPROVED, PAUSED, RUNNING


async def set_alarms(tx: Tx, plan: Plan) -> None:
    """Has an approved plan begin on its first day and end after its last."""
    zone = await zone_of(tx, plan)
    for name, task, moment in (("begin", begin_plan, plan.begins(zone)), ("end", end_plan, plan.ends(zone))):
        if moment is not None:
            tx.schedule(task, due=moment.astimezone(UTC), key=f"plan-{name}:{plan.id}", plan_id=str(plan.id))


@job
async def begin_plan(tx: Tx, plan_id: str) -> None:
    """Begins a plan that waits for its first day, if that is still so and something of it can run."""
    plan = await tx.find(Plan, plan_id)
    if plan is None or plan.state != APPROVED:
        return
    zone = await zone_of(tx, plan)
    in_time = _due(plan.begins(zone), tx) and not _due(plan.ends(zone), tx)
    if in_time and await runnable(tx, plan):
        await start(tx, plan)


@job
async def end_plan(tx: Tx, plan_id: str) -> None:
    """Ends a plan whose last day is over, if that is still so."""
    plan = await tx.find(Plan, plan_id)
    if plan is None or plan.state not in (APPROVED, RUNNING, PAUSED):
        return
    if _due(plan.ends(await zone_of(tx, plan)), tx):
        await end(tx, plan)


def _due(moment: datetime | None, tx: Tx) -> bool:
    return moment is not None and moment <= tx.now()
