"""The calendar: what runs when, and what is due on which day, in the tenant's zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tercet.marketing.v1 import plan_service_pb2 as pb
from tercet_chassis import Tx
from tercet_marketing.plans import store
from tercet_marketing.plans.model import Plan
from tercet_marketing.plans.rules import daily_moments, days_between
from tercet_marketing.strategies.model import DAILY, Strategy
from tercet_marketing.strategies.states import APPROVED, ENDED, RUNNING

Triggers = dict[date, list[pb.CalendarTrigger]]


async def shown(tx: Tx, first: date, last: date) -> pb.PlanCalendar:
    """Spans and what is due from the first to the last day. Refuses crossed days and too many."""
    days = days_between(first, last)
    name = (await tx.known.zone_and_currency(None))[0]
    zone, now = ZoneInfo(name), tx.now()
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    until = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    plans = await store.overlapping(tx, first, last, begin)
    # A strategy may have been in a plan that ended before; the one that has not counts.
    plan_of = {
        code: plan for plan in sorted(plans, key=lambda plan: plan.state != ENDED) for code in plan.strategy_codes
    }
    strategies = await store.strategies_since(tx, begin)
    spans = [_plan_span(plan, zone) for plan in plans]
    spans += [_strategy_span(strategy, plan_of.get(strategy.code), zone) for strategy in strategies]
    sends = await store.sends_due(tx, name, now, until) if until > now else {}
    decisions = await store.decisions_due(tx, name, now, until) if until > now else {}
    triggers = await _triggers(tx, strategies, plan_of, zone, max(begin, now), until)
    answer = pb.PlanCalendar(zone=name)
    answer.spans.extend(sorted(_within(spans, first, last), key=_order))
    for day in days:
        answer.days.add(
            date=day.isoformat(),
            send_count=sends.get(day, 0),
            decision_count=decisions.get(day, 0),
            triggers=sorted(triggers.get(day, ()), key=lambda one: (one.due_time.ToDatetime(), one.strategy_code)),
        )
    return answer


def _plan_span(plan: Plan, zone: ZoneInfo) -> pb.CalendarSpan:
    return pb.CalendarSpan(
        plan_code=plan.code,
        display_name=plan.display_name,
        state=plan.state,
        begin_date=_text(plan.begin_date or _day(plan.start_time, zone)),
        end_date=_text(_day(plan.end_time, zone) or plan.end_date),
    )


def _strategy_span(strategy: Strategy, plan: Plan | None, zone: ZoneInfo) -> pb.CalendarSpan:
    first, last = _bounds(strategy, plan, zone)
    return pb.CalendarSpan(
        plan_code=plan.code if plan else "",
        strategy_code=strategy.code,
        display_name=strategy.display_name,
        state=strategy.state,
        begin_date=_text(first),
        end_date=_text(last),
    )


def _bounds(strategy: Strategy, plan: Plan | None, zone: ZoneInfo) -> tuple[date | None, date | None]:
    """The days on which it runs: its own and its plan's, whichever are narrower; what has happened counts more."""
    begins = [day for day in (strategy.begin_date, plan.begin_date if plan else None) if day]
    ends = [day for day in (strategy.end_date, plan.end_date if plan else None) if day]
    first = max(begins) if begins else _day(strategy.start_time, zone)
    return first, _day(strategy.end_time, zone) or (min(ends) if ends else None)


def _within(spans: Iterable[pb.CalendarSpan], first: date, last: date) -> list[pb.CalendarSpan]:
    return [
        span
        for span in spans
        if span.begin_date
        and span.begin_date <= last.isoformat()
        and (not span.end_date or span.end_date >= first.isoformat())
    ]


def _order(span: pb.CalendarSpan) -> tuple[str, str, str]:
    return span.begin_date, span.plan_code, span.strategy_code


async def _triggers(
    tx: Tx,
    strategies: Iterable[Strategy],
    plan_of: Mapping[str, Plan],
    zone: ZoneInfo,
    begin: datetime,
    until: datetime,
) -> Triggers:
    """What goes through its segment: strategies that run, and those that will by their plan's days."""
    daily = [one for one in strategies if one.trigger == DAILY and _will_run(one, plan_of.get(one.code))]
    counts = await store.member_counts(tx, {one.segment_code for one in daily}) if daily else {}
    found: Triggers = defaultdict(list)
    for one in daily:
        own = ZoneInfo(one.zone) if one.zone else zone
        first, last = _bounds(one, plan_of.get(one.code), zone)
        for moment in daily_moments(one.daily_time, own, begin, until, first, last):
            trigger = pb.CalendarTrigger(strategy_code=one.code, member_count=counts.get(one.segment_code, 0))
            trigger.due_time.FromDatetime(moment)
            found[moment.astimezone(zone).date()].append(trigger)
    return found


def _will_run(strategy: Strategy, plan: Plan | None) -> bool:
    waits = plan is not None and plan.state == APPROVED and plan.begin_date is not None
    return strategy.state == RUNNING or (strategy.state == APPROVED and waits)


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return moment.astimezone(zone).date() if moment else None


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""
