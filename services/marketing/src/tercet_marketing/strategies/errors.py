"""Refusals of the strategies."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class ActionNotFound(InvalidArgument):
    """No action of that code."""

    text = "There is no action {code}: make it first, or name another."
    field = "strategy.action_code"


class CampaignNotFound(InvalidArgument):
    """No campaign of that code."""

    text = "There is no campaign {code}: make it first, or name another."
    field = "strategy.campaign_code"


class StrategyBudgetCurrencyDiffers(FailedPrecondition):
    """What it gives is in another currency than its budget."""

    text = "The benefit is in {currency}, the budget {budget_code} in {budget_currency}: name one in the first."
    field = "strategy.budget_code"


class SegmentNotFound(InvalidArgument):
    """No segment of that code, or it has ended."""

    text = "There is no segment {code} that has not ended: make it first, or name another."
    field = "strategy.segment_code"


class SegmentNeeded(InvalidArgument):
    """The trigger speaks of a segment, and none is named."""

    text = "The trigger {trigger} is about a segment: name it."
    field = "strategy.segment_code"


class LifecycleNeeded(InvalidArgument):
    """The trigger speaks of a lifecycle, and none is named."""

    text = "The trigger STAGE_ENTERED is about a lifecycle: name it."
    field = "strategy.lifecycle_code"


class LifecycleNotFound(InvalidArgument):
    """No lifecycle of that code, or it has ended."""

    text = "There is no lifecycle {code} that has not ended: make it first, or name another."
    field = "strategy.lifecycle_code"


class EventNotKnown(InvalidArgument):
    """The trigger EVENT with an event that strategies do not hear of."""

    text = "Strategies do not hear of {event_name}. They hear of: {known}."
    field = "strategy.event_name"


class DailyTimeNeeded(InvalidArgument):
    """The trigger DAILY without a time."""

    text = "Name the time of the day, such as 09:00."
    field = "strategy.daily_time"


class ZoneNotKnown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {zone}: name one such as Asia/Shanghai."
    field = "strategy.zone"


class PeriodEndsBeforeItBegins(InvalidArgument):
    """The last day is before the first."""

    text = "The last day {end_date} is before the first {begin_date}."
    field = "strategy.end_date"


class StrategyRuns(FailedPrecondition):
    """A running strategy cannot be rewritten."""

    text = "Strategy {code} runs: pause it, change it, and have it approved again."
    field = "id"


class StrategyEnded(FailedPrecondition):
    """It is over."""

    text = "Strategy {code} has ended: make a new one."
    field = "id"


class StrategyNotDraft(FailedPrecondition):
    """Only a draft is approved."""

    text = "Strategy {code} is {state}; only a draft can be approved."
    field = "id"


class StrategyNotApproved(FailedPrecondition):
    """Only what was approved can run."""

    text = "Strategy {code} is {state}: have it approved first."
    field = "id"


class StrategyDoesNotRun(FailedPrecondition):
    """Only a running one is paused."""

    text = "Strategy {code} is {state}; only a running one can be paused."
    field = "id"


class StrategyHasHistory(FailedPrecondition):
    """It has been approved, so what it did refers to it."""

    text = "Strategy {code} has been approved before and is kept for what it did: end it instead."
    field = "id"


class DecisionNotWithheld(FailedPrecondition):
    """Only what was withheld is decided again."""

    text = "The decision is {outcome}; only one that was withheld is decided again."
    field = "id"


class StrategyNotRunning(FailedPrecondition):
    """A strategy that does not run wants nobody."""

    text = "Strategy {code} does not run: start it first."
    field = "id"


class StrategyNotFound(NotFound):
    """No strategy of that code."""

    text = "There is no strategy {code}."
    field = "strategy_codes"
