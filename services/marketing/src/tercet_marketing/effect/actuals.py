"""What a campaign has cost and brought by now, as its plan names the figures."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from tercet_chassis import Tx
from tercet_marketing.campaigns.model import Campaign
from tercet_marketing.effect import store
from tercet_marketing.effect.comparing import CONVERSIONS, COST, REACH, REVENUE, Comparison, compared
from tercet_marketing.effect.store import Cost, Reach


async def comparisons(tx: Tx, campaign: Campaign) -> list[Comparison]:
    """Every planned figure against what came."""
    reached = await store.campaign_reach(tx, campaign.id, campaign.days)
    return await compare(tx, campaign, reached, await store.campaign_costs(tx, campaign.id))


async def compare(tx: Tx, campaign: Campaign, reached: Reach, costs: Mapping[str, Cost]) -> list[Comparison]:
    """The same of what was counted already."""
    actual = {(COST, currency): cost.messages + cost.redeemed for currency, cost in costs.items()}
    actual |= {(REVENUE, amount.currency): amount.amount for amount in reached.revenue}
    actual |= {(REACH, ""): Decimal(reached.reached), (CONVERSIONS, ""): Decimal(reached.converted)}
    zone = ZoneInfo((await tx.known.zone_and_currency(campaign.unit_id))[0])
    return compared(campaign, actual, tx.now().astimezone(zone).date())
