"""A plan moved from state to state, its strategies with it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_marketing.plans import store
from tercet_marketing.plans.errors import (
    PlanHasNothingToStart,
    PlanStrategyEnded,
    PlanStrategyNotFound,
    StrategyInOtherPlan,
)
from tercet_marketing.plans.model import Plan
from tercet_marketing.strategies import steering
from tercet_marketing.strategies.model import Strategy
from tercet_marketing.strategies.states import APPROVED, DRAFT, ENDED, PAUSED, RUNNING


async def zone_of(tx: Tx, plan: Plan) -> ZoneInfo:
    """The zone of its days."""
    return ZoneInfo(plan.zone or (await tx.known.zone_and_currency(None))[0])


async def check(tx: Tx, plan: Plan) -> None:
    """Refuses crossed days, an unknown zone, and strategies that are not there, have ended or are another plan's."""
    plan.check()
    # Two plans that are written at the same moment must not take one strategy.
    await tx.hold("plan-strategy", plan.strategy_codes)
    found = {strategy.code: strategy for strategy in await store.locked(tx, plan.strategy_codes)}
    for code in plan.strategy_codes:
        if code not in found:
            raise PlanStrategyNotFound(code=code)
        if found[code].state == ENDED:
            raise PlanStrategyEnded(code=code)
    for other in await store.others_with(tx, plan.strategy_codes, plan.id):
        raise StrategyInOtherPlan(code=min(set(other.strategy_codes) & set(plan.strategy_codes)), plan_code=other.code)


async def approve(tx: Tx, plan: Plan) -> None:
    """Agreed to, with those of its strategies that are drafts. Refuses one that is no draft or is empty."""
    plan.approve(tx.principal.user_id, tx.now())
    plan.must_not_be_empty()
    for strategy in await store.locked(tx, plan.strategy_codes):
        if strategy.state == DRAFT:
            await steering.approve(tx, strategy)
    tx.emit(events.PlanApproved, plan)


async def start(tx: Tx, plan: Plan) -> None:
    """At work: what is approved or paused of it runs. Refuses outside of its days, and when nothing of it can run."""
    plan.start(tx.now())
    plan.must_be_in_time(tx.now(), await zone_of(tx, plan))
    strategies = await runnable(tx, plan)
    if not strategies:
        raise PlanHasNothingToStart(code=plan.code)
    for strategy in strategies:
        if strategy.state != RUNNING:
            steering.start(tx, strategy)
    tx.emit(events.PlanStarted, plan)


async def runnable(tx: Tx, plan: Plan) -> list[Strategy]:
    """What of it runs or could, held until the end of the transaction."""
    found = await store.locked(tx, plan.strategy_codes)
    return [strategy for strategy in found if strategy.state in (APPROVED, PAUSED, RUNNING)]


async def pause(tx: Tx, plan: Plan) -> None:
    """Wants nobody for now. Refuses one that does not run."""
    plan.pause()
    for strategy in await store.locked(tx, plan.strategy_codes):
        if strategy.state == RUNNING:
            steering.pause(tx, strategy)
    tx.emit(events.PlanPaused, plan)


async def end(tx: Tx, plan: Plan) -> None:
    """Over, and its strategies too. Refuses one that has ended."""
    plan.end(tx.now())
    for strategy in await store.locked(tx, plan.strategy_codes):
        if strategy.state != ENDED:
            steering.end(tx, strategy)
    tx.emit(events.PlanEnded, plan)
