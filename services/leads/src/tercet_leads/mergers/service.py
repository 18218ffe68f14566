"""Methods of joining leads."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.leads.v1 import lead_merge_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_leads.leads.model import Lead
from tercet_leads.mergers import joining, store
from tercet_leads.mergers.model import LeadMerge, check_joinable

Finding = CheckInvariantsResponse.Finding


class LeadMergeService(Handlers):
    """Serves tercet.leads.v1.LeadMergeService."""

    async def MergeLeads(self, request: pb.MergeLeadsRequest, tx: Tx) -> LeadMerge | Message:
        """Joins another lead into this one. Refuses leads of different parties, and those that nobody follows up."""
        await store.lock(tx, [UUID(request.id), UUID(request.other_id)])
        lead, other = await tx.get(Lead, request.id, etag=request.etag), await tx.get(Lead, request.other_id)
        check_joinable(lead, other)
        if request.validate_only:
            return await joining.preview(tx, lead, other, request.reason)
        return await joining.join(tx, lead, other, request.reason)

    async def UnmergeLeads(self, request: pb.UnmergeLeadsRequest, tx: Tx) -> LeadMerge:
        """Takes a merge back. Refuses one that was taken back before."""
        merge = await tx.get(LeadMerge, request.id, etag=request.etag, lock=True)
        merge.check_standing()
        return await joining.part(tx, merge, request.reason)


@invariant
async def doubles_marked(tx: Tx) -> Finding:
    """Where two leads of a party are followed up, the newer says so; those wait for somebody to join them."""
    count, broken = await store.doubles(tx)
    return Finding(
        invariant="leads.doubles_marked",
        holds=not broken,
        checked_count=count,
        broken_count=len(broken),
        waiting_count=count,
        examples=broken or await store.waiting(tx),
    )
