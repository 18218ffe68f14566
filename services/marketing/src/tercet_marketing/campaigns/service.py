"""Campaigns are checked before they are kept."""

from __future__ import annotations

from tercet.marketing.v1 import campaign_service_pb2 as pb
from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx
from tercet_marketing.campaigns.model import Campaign


class CampaignService(Handlers):
    """Serves tercet.marketing.v1.CampaignService."""

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, tx: Tx) -> Campaign:
        """Makes a campaign. Refuses one that ends before it begins, and planned amounts below zero."""
        campaign = await tx.create(Campaign, request.campaign)
        campaign.check()
        tx.emit(events.CampaignCreated, campaign)
        return campaign

    async def UpdateCampaign(self, request: pb.UpdateCampaignRequest, tx: Tx) -> Campaign:
        """Changes a campaign, with the same refusals."""
        campaign = await tx.get(Campaign, request.campaign.id, etag=request.campaign.etag, lock=True)
        await tx.patch(campaign, request.campaign, request.update_mask if request.HasField("update_mask") else None)
        campaign.check()
        tx.emit(events.CampaignUpdated, campaign)
        return campaign
