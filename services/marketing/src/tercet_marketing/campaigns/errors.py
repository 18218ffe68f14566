"""Refusals of campaigns."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class CampaignEndsBeforeItBegins(InvalidArgument):
    """The last day is before the first."""

    text = "The last day {end_date} is before the first {begin_date}; change one of them."
    field = "campaign.end_date"


class CampaignPlanNegative(InvalidArgument):
    """Planned to cost or bring less than nothing."""

    text = "{amount} is below zero; give what is planned as nothing or more."
    field = "campaign.planned_cost"
