"""Campaigns that leave the band around their plan are told of, once each time."""

from __future__ import annotations

from datetime import timedelta

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx, every
from tercet_marketing.campaigns import store as campaigns
from tercet_marketing.effect.actuals import comparisons
from tercet_marketing.effect.comparing import ON_PLAN


@every(hours=1)
async def watch_campaigns(tx: Tx) -> None:
    """Compares campaigns whose orders still count with what was planned, and tells when another figure leaves the band
    or comes back into it.
    """
    today = tx.now().date()
    for campaign in await campaigns.under_way(tx, today):
        if campaign.end_date is None or campaign.end_date + timedelta(days=campaign.days) < today:
            continue
        made = await comparisons(tx, campaign)
        off = sorted(f"{one.figure} {one.verdict}" for one in made if one.verdict != ON_PLAN)
        if off != list(campaign.off_plan or ()):
            campaign.off_plan = off
            words = [one.words for one in made if one.verdict != ON_PLAN]
            tx.emit(events.CampaignPlanCompared, campaign, explanations=words)
