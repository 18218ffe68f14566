"""Refusals of the plans."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class PlanRuns(FailedPrecondition):
    """A running plan cannot be rewritten."""

    text = "Plan {code} runs: pause it, change it, and have it approved again."
    field = "id"


class PlanEnded(FailedPrecondition):
    """It is over."""

    text = "Plan {code} has ended: make a new one."
    field = "id"


class PlanNotDraft(FailedPrecondition):
    """Only a draft is approved."""

    text = "Plan {code} is {state}; only a draft can be approved."
    field = "id"


class PlanNotApproved(FailedPrecondition):
    """Only what was approved can run."""

    text = "Plan {code} is {state}: have it approved first."
    field = "id"


class PlanDoesNotRun(FailedPrecondition):
    """Only a running one is paused."""

    text = "Plan {code} is {state}; only a running one can be paused."
    field = "id"


class PlanHasHistory(FailedPrecondition):
    """It has been approved."""

    text = "Plan {code} has been approved before and is kept for what it did: end it instead."
    field = "id"


class PlanEmpty(FailedPrecondition):
    """No strategies."""

    text = "Plan {code} has no strategies: add some before it is approved."
    field = "id"


class PlanOutOfTime(FailedPrecondition):
    """Not within its days."""

    text = "Plan {code} is for {begin_date} to {end_date}, and today is {today}: wait, or change its days."
    field = "id"


class PlanHasNothingToStart(FailedPrecondition):
    """All of its strategies are drafts or have ended."""

    text = "None of the strategies of plan {code} is approved: have them approved first."
    field = "id"


class PlanEndsBeforeItBegins(InvalidArgument):
    """The last day is before the first."""

    text = "The last day {end_date} is before the first {begin_date}; change one of them."
    field = "plan.end_date"


class PlanZoneNotKnown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {zone}: name one such as Asia/Shanghai."
    field = "plan.zone"


class PlanStrategyNotFound(InvalidArgument):
    """No strategy of that code."""

    text = "There is no strategy {code}: make it first, or name another."
    field = "plan.strategy_codes"


class PlanStrategyEnded(InvalidArgument):
    """A strategy that is over."""

    text = "Strategy {code} has ended: leave it out, or make a new one."
    field = "plan.strategy_codes"


class StrategyInOtherPlan(InvalidArgument):
    """A strategy that another plan starts and ends."""

    text = "Strategy {code} belongs to plan {plan_code}: take it out there first, or end that plan."
    field = "plan.strategy_codes"


class CalendarDayUnknown(InvalidArgument):
    """No such day."""

    text = "{given} is no day of the calendar; write YYYY-MM-DD."


class CalendarCrossed(InvalidArgument):
    """The last day is before the first."""

    text = "The last day {to_date} is before the first {from_date}; change one of them."
    field = "to_date"


class CalendarTooLong(InvalidArgument):
    """More days than are shown at once."""

    text = "{days} days are asked for; ask for {most} at most."
    field = "to_date"
