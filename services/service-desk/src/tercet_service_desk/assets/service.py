"""RPCs of assets beyond the free ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.servicedesk.v1 import asset_service_pb2 as pb
from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_service_desk.assets import store
from tercet_service_desk.assets.errors import (
    AssetDowntimeOverlaps,
    AssetHasHistory,
    AssetHasParts,
    AssetHoldingOverlaps,
    AssetInsideItself,
    AssetParentUnknown,
    AssetPeriodInvalid,
    AssetTooDeep,
    DayInvalid,
)
from tercet_service_desk.assets.intake import fault_of, link_of, opened, report
from tercet_service_desk.assets.model import Asset, AssetDowntime, AssetHolding
from tercet_service_desk.assets.rules import EXCLUSIVE, MOST_DEEP, Period, cover_at, reliability

Finding = CheckInvariantsResponse.Finding


class AssetService(Handlers):
    """Serves tercet.servicedesk.v1.AssetService."""

    async def CreateAsset(self, request: pb.CreateAssetRequest, tx: Tx) -> Asset:
        """Adds an asset. Refuses a serial number that its kind has, an unknown parent and impossible dates."""
        asset = await tx.create(Asset, request.asset)
        asset.check()
        if asset.parent_id is not None:
            await _place(tx, asset)
        tx.emit(events.AssetCreated, asset)
        return asset

    async def ListAssets(self, request: pb.ListAssetsRequest, tx: Tx) -> pb.ListAssetsResponse:
        """Lists assets; with a party those that it has, or had at a moment."""
        at = _time(request, "at_time") or tx.now()
        where = [store.held_by(UUID(request.party_id), at)] if request.party_id else []
        answer = await tx.page(Asset, request, response=pb.ListAssetsResponse, where=where)
        assert isinstance(answer, pb.ListAssetsResponse)
        return answer

    async def UpdateAsset(self, request: pb.UpdateAssetRequest, tx: Tx) -> Asset:
        """Changes an asset. Refuses circles of parts too."""
        asset = await tx.get(Asset, request.asset.id, etag=request.asset.etag, lock=True)
        parent_id = asset.parent_id
        await tx.patch(asset, request.asset, request.update_mask if request.HasField("update_mask") else None)
        asset.check()
        if asset.parent_id is not None and asset.parent_id != parent_id:
            await _place(tx, asset)
        tx.emit(events.AssetUpdated, asset)
        return asset

    async def DeleteAsset(self, request: pb.DeleteAssetRequest, tx: Tx) -> Empty:
        """Deletes an asset to which nothing has happened. Refuses any other."""
        await tx.hold("asset_tree", ["all"])
        asset = await tx.get(Asset, request.id, etag=request.etag, lock=True)
        count = await store.count_parts(tx, asset.id)
        if count:
            raise AssetHasParts(count=count)
        if await store.has_history(tx, asset.id):
            raise AssetHasHistory()
        tx.emit(events.AssetDeleted, asset)
        await tx.delete(asset)
        return Empty()

    async def MoveAssetState(self, request: pb.MoveAssetStateRequest, tx: Tx) -> Asset:
        """Moves an asset in its life. Refuses a retired one."""
        asset = await tx.get(Asset, request.id, etag=request.etag, lock=True)
        asset.move(pb.Asset.State.Name(request.state))
        tx.emit(events.AssetUpdated, asset)
        return asset

    async def CheckWarranty(self, request: pb.CheckWarrantyRequest, tx: Tx) -> pb.Warranty:
        """Whether an asset is in warranty on a day."""
        asset = await tx.get(Asset, request.id)
        if request.day_date:
            try:
                day = date.fromisoformat(request.day_date)
            except ValueError as wrong:
                raise DayInvalid(day=request.day_date) from wrong
        else:
            zone, _ = await tx.known.zone_and_currency(asset.unit_id)
            day = tx.now().astimezone(ZoneInfo(zone)).date()
        answer, cover = pb.Warranty(day_date=day.isoformat()), cover_at(await store.line(tx, asset.id), day)
        if cover is not None:
            answer.in_warranty, answer.asset_id, answer.terms = cover.holds(day), str(cover.asset_id), cover.terms
            answer.start_date = cover.start.isoformat() if cover.start else ""
            answer.end_date = cover.end.isoformat() if cover.end else ""
            answer.days_left = cover.days_left(day)
        return answer

    # -- who has it ---------------------------------------------------------------------------------------------------
    async def HandOverAsset(self, request: pb.HandOverAssetRequest, tx: Tx) -> AssetHolding:
        """Records who has an asset from a time on, and that whoever had it until then has it no more. Refuses a time
        in which somebody else has it.
        """
        asset = await tx.get(Asset, request.id, lock=True)
        role = pb.AssetHolding.Role.Name(request.role)
        period = _period(tx, _time(request, "start_time"), _time(request, "end_time"))
        if role in EXCLUSIVE:
            for other in await store.holdings(tx, asset.id, role):
                # Whoever has it and began earlier hands it over; whoever came later or was entered with an end stays.
                if other.end_time is None and other.start_time < period.start:
                    other.finish(period.start)
                    tx.emit(events.AssetHolderChanged, other, occur_time=period.start)
                elif other.period.overlaps(period):
                    raise AssetHoldingOverlaps(role=role)
        identity_id = UUID(request.identity_id)
        holding = tx.add(
            AssetHolding(
                asset_id=asset.id,
                role=role,
                identity_id=identity_id,
                party_id=UUID(request.party_id) if request.party_id else identity_id,
                start_time=period.start,
                end_time=period.end,
            )
        )
        tx.emit(events.AssetHolderChanged, holding, occur_time=period.start)
        return holding

    async def EndAssetHolding(self, request: pb.EndAssetHoldingRequest, tx: Tx) -> AssetHolding:
        """Records that somebody has an asset no more."""
        holding = await tx.get(AssetHolding, request.id)
        # The asset's own reach and lock decide, as when it is handed over.
        await tx.get(Asset, holding.asset_id, lock=True)
        await tx.session.refresh(holding)
        holding.finish(_time(request, "end_time") or tx.now())
        tx.emit(events.AssetHolderChanged, holding)
        return holding

    async def ListAssetHoldings(self, request: pb.ListAssetHoldingsRequest, tx: Tx) -> pb.ListAssetHoldingsResponse:
        """Who has and had an asset."""
        asset = await tx.get(Asset, request.asset_id)
        where = store.of_asset(AssetHolding, asset.id, _time(request, "at_time"))
        answer = await tx.page(AssetHolding, request, response=pb.ListAssetHoldingsResponse, where=where)
        assert isinstance(answer, pb.ListAssetHoldingsResponse)
        return answer

    # -- when it did not work -----------------------------------------------------------------------------------------
    async def RecordAssetDowntime(self, request: pb.RecordAssetDowntimeRequest, tx: Tx) -> AssetDowntime:
        """Records that an asset does not or did not work. Refuses a time in which it is known to be down."""
        asset = await tx.get(Asset, request.asset_id, lock=True)
        period = _period(tx, _time(request, "start_time"), _time(request, "end_time"))
        if any(known.down.period.overlaps(period) for known in await store.downtimes(tx, asset.id)):
            raise AssetDowntimeOverlaps()
        downtime = tx.add(
            AssetDowntime(
                asset_id=asset.id,
                start_time=period.start,
                end_time=period.end,
                planned=request.planned,
                reason_code=request.reason_code,
                ticket_id=UUID(request.ticket_id) if request.ticket_id else None,
            )
        )
        tx.emit(events.AssetDowntimeRecorded, downtime, occur_time=period.start)
        return downtime

    async def EndAssetDowntime(self, request: pb.EndAssetDowntimeRequest, tx: Tx) -> AssetDowntime:
        """Records that an asset works again."""
        downtime = await tx.get(AssetDowntime, request.id)
        await tx.get(Asset, downtime.asset_id, lock=True)
        await tx.session.refresh(downtime)
        end = _time(request, "end_time") or tx.now()
        downtime.finish(end)
        if end > tx.now():
            raise AssetPeriodInvalid()
        tx.emit(events.AssetDowntimeEnded, downtime, occur_time=end)
        return downtime

    async def ListAssetDowntimes(self, request: pb.ListAssetDowntimesRequest, tx: Tx) -> pb.ListAssetDowntimesResponse:
        """When an asset did not work."""
        asset = await tx.get(Asset, request.asset_id)
        where = store.of_asset(AssetDowntime, asset.id)
        answer = await tx.page(AssetDowntime, request, response=pb.ListAssetDowntimesResponse, where=where)
        assert isinstance(answer, pb.ListAssetDowntimesResponse)
        return answer

    async def GetAssetReliability(self, request: pb.GetAssetReliabilityRequest, tx: Tx) -> pb.AssetReliability:
        """How reliable an asset was in a time. Refuses a time that ends before it begins."""
        asset = await tx.get(Asset, request.id)
        window = Period(request.from_time.ToDatetime(tzinfo=UTC), _time(request, "to_time") or tx.now())
        if not window.valid:
            raise AssetPeriodInvalid()
        found = reliability([each.down for each in await store.downtimes(tx, asset.id)], window, tx.now())
        return pb.AssetReliability(
            failure_count=found.failures,
            uptime_hours=found.up_hours,
            downtime_hours=found.down_hours,
            availability=found.availability,
            mtbf_hours=found.mtbf_hours,
            mttr_hours=found.mttr_hours,
        )

    # -- the code on it -----------------------------------------------------------------------------------------------
    async def GetAssetLink(self, request: pb.GetAssetLinkRequest, tx: Tx) -> pb.AssetLink:
        """The signed link for the code on an asset."""
        return await link_of(tx, await tx.get(Asset, request.id))

    async def RenewAssetLink(self, request: pb.RenewAssetLinkRequest, tx: Tx) -> pb.AssetLink:
        """A new link; those before it are void."""
        asset = await tx.get(Asset, request.id, lock=True)
        asset.link_edition += 1
        return await link_of(tx, asset)

    async def OpenAssetLink(self, request: pb.OpenAssetLinkRequest, tx: Tx) -> pb.OpenedAsset:
        """What a code stands on. Refuses one that was not signed here, or is void."""
        return await opened(tx, await fault_of(tx, request.token))

    async def ReportAssetFault(self, request: pb.ReportAssetFaultRequest, tx: Tx) -> pb.ReportedFault:
        """Opens a repair ticket. Refuses a code that is void, and more reports than anybody needs."""
        return await report(tx, await fault_of(tx, request.token, lock=True), request)


async def _place(tx: Tx, asset: Asset) -> None:
    """Refuses a parent that is not there, lies below the asset, or stands so deep that the asset's parts would be too
    deep.
    """
    # Two moves at once could close a circle that neither sees.
    await tx.hold("asset_tree", ["all"])
    await tx.flush()
    assert asset.parent_id is not None
    if asset.parent_id == asset.id:
        raise AssetInsideItself()
    if await tx.find(Asset, asset.parent_id) is None:
        raise AssetParentUnknown(parent_id=asset.parent_id)
    above = await store.line(tx, asset.parent_id)
    if any(each.asset_id == asset.id for each in above):
        raise AssetInsideItself()
    if len(above) + 1 + await store.height(tx, asset.id) > MOST_DEEP:
        raise AssetTooDeep(most=MOST_DEEP)


def _time(request: Any, name: str) -> datetime | None:
    return getattr(request, name).ToDatetime(tzinfo=UTC) if request.HasField(name) else None


def _period(tx: Tx, start: datetime | None, end: datetime | None) -> Period:
    period = Period(start or tx.now(), end)
    if not period.valid or period.start > tx.now():
        raise AssetPeriodInvalid()
    return period


@invariant
async def one_holder_a_role(tx: Tx) -> Finding:
    """No asset has two owners or two users at one time."""
    total, broken = await store.astray(tx)
    return finding("assets.one_holder_a_role", total, broken)
