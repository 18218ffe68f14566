"""Placements' own methods: short codes, counts, QR codes and scans."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1 import placement_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_leads.placements import store
from tercet_leads.placements.errors import PlacementInUse, PlacementNotFound, SourceNotFound
from tercet_leads.placements.model import Placement, PlacementScan
from tercet_leads.placements.rules import (
    MEDIA_TYPES,
    new_short_code,
    qr_code,
    tracked_link,
    visitor_digest,
    with_parameters,
)

_SCALE = 8


class PlacementService(Handlers):
    """Serves tercet.leads.v1.PlacementService."""

    async def CreatePlacement(self, request: pb.CreatePlacementRequest, tx: Tx) -> Placement:
        """Adds a placement with a short code of its own. Refuses a source that is not there."""
        if not await store.source_exists(tx, request.placement.source_code):
            raise SourceNotFound(source_code=request.placement.source_code)
        placement = await tx.create(Placement, request.placement)
        placement.short_code = new_short_code()
        placement.check_times()
        tx.emit(events.PlacementCreated, placement)
        return placement

    async def UpdatePlacement(self, request: pb.UpdatePlacementRequest, tx: Tx) -> pb.Placement:
        """Changes a placement; its short code, source and campaign stay."""
        placement = await tx.get(Placement, request.placement.id, etag=request.placement.etag, lock=True)
        await tx.patch(placement, request.placement, request.update_mask)
        placement.check_times()
        tx.emit(events.PlacementUpdated, placement)
        await tx.flush()
        return await self._counted(tx, placement)

    async def GetPlacement(self, request: pb.GetPlacementRequest, tx: Tx) -> pb.Placement:
        """One placement with what it brought."""
        return await self._counted(tx, await tx.get(Placement, request.id))

    async def ListPlacements(self, request: pb.ListPlacementsRequest, tx: Tx) -> pb.ListPlacementsResponse:
        """A page of placements with what each brought."""
        response = await tx.page(Placement, request, response=pb.ListPlacementsResponse)
        assert isinstance(response, pb.ListPlacementsResponse)
        counts = await store.counts(tx, [UUID(placement.id) for placement in response.placements])
        for placement in response.placements:
            _fill(placement, counts.get(UUID(placement.id), store.Counts()))
        return response

    async def DeletePlacement(self, request: pb.DeletePlacementRequest, tx: Tx) -> Empty:
        """Deletes a placement nobody scanned. Refuses one that was used."""
        placement = await tx.get(Placement, request.id, etag=request.etag, lock=True)
        if await store.is_used(tx, placement.id):
            raise PlacementInUse(placement_id=placement.id)
        tx.emit(events.PlacementDeleted, placement)
        await tx.delete(placement)
        return Empty()

    async def RenderPlacementCode(
        self, request: pb.RenderPlacementCodeRequest, tx: Tx
    ) -> pb.RenderPlacementCodeResponse:
        """The QR code of a placement's tracked link."""
        placement = await tx.get(Placement, request.id)
        media = "PNG" if request.format == pb.RenderPlacementCodeRequest.PNG else "SVG"
        link = tracked_link(request.base_url, placement.short_code)
        content = qr_code(link, media, request.scale or _SCALE)
        return pb.RenderPlacementCodeResponse(media_type=MEDIA_TYPES[media], content=content, link=link)

    async def RecordScan(self, request: pb.RecordScanRequest, tx: Tx) -> pb.RecordScanResponse:
        """Counts a scan and says where it leads. Refuses a short code nobody has."""
        placement = await store.by_short_code(tx, request.short_code)
        if placement is None:
            raise PlacementNotFound(short_code=request.short_code)
        works = placement.works_at(tx.now())
        scan = PlacementScan(
            placement_id=placement.id,
            scan_time=tx.now(),
            visitor=visitor_digest(str(tx.tenant_id), request.visitor),
            user_agent=request.user_agent,
            referrer=request.referrer,
            expired=not works,
        )
        tx.add(scan)
        return pb.RecordScanResponse(
            target_url=with_parameters(placement.target_url, placement.parameters) if works else "",
            expired=not works,
            placement_id=str(placement.id),
            scan_id=str(scan.id),
        )

    async def _counted(self, tx: Tx, placement: Placement) -> pb.Placement:
        message = tx.render(placement)
        assert isinstance(message, pb.Placement)
        _fill(message, (await store.counts(tx, [placement.id])).get(placement.id, store.Counts()))
        return message


def _fill(message: pb.Placement, counts: store.Counts) -> None:
    message.scan_count, message.lead_count, message.won_count = counts
