"""Faults that are reported by the code on an asset: no sign-in, a signed link, and no more than anybody needs."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from tercet.servicedesk.v1 import asset_service_pb2 as pb
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket as TicketMessage
from tercet_chassis import Tx
from tercet_service_desk.assets import store
from tercet_service_desk.assets.errors import AssetLinkInvalid, AssetReportsThrottled
from tercet_service_desk.assets.model import Asset
from tercet_service_desk.assets.rules import MOST_REPORTS, REPORTS_IN, Cover, asset_of, cover_at, signed
from tercet_service_desk.tickets.conversation import open_ticket
from tercet_service_desk.types.store import standing_code

REPAIR = "repair"


async def link_of(tx: Tx, asset: Asset) -> pb.AssetLink:
    """The link of the code on an asset."""
    token = signed(tx.runtime.secret, tx.tenant_id, asset.id, asset.link_edition)
    return pb.AssetLink(token=token, path=f"/r/{await tx.known.tenant_code()}/{token}")


async def fault_of(tx: Tx, token: str, *, lock: bool = False) -> Asset:
    """The asset on which a code stands. Refuses one that was not signed here, or is void."""
    named = None if tx.context.tenant_id is None else asset_of(tx.runtime.secret, tx.tenant_id, token)
    asset = await tx.find(Asset, named[0], lock=lock) if named is not None else None
    if named is None or asset is None or asset.link_edition != named[1]:
        raise AssetLinkInvalid()
    return asset


async def opened(tx: Tx, asset: Asset) -> pb.OpenedAsset:
    """What whoever scans the code may see: nothing of who has it."""
    cover, day = await _cover(tx, asset)
    return pb.OpenedAsset(
        display_name=asset.display_name,
        serial_number=asset.serial_number,
        product_code=asset.product_code,
        in_warranty=cover is not None and cover.holds(day),
        warranty_end_date=cover.end.isoformat() if cover is not None and cover.end is not None else "",
    )


async def report(tx: Tx, asset: Asset, request: pb.ReportAssetFaultRequest) -> pb.ReportedFault:
    """Opens a repair ticket about an asset that this transaction holds, so that reports of one asset are counted one
    after the other. The reporter is nobody that we know: whoever stands before the thing need not be who has it.
    """
    if await store.reports_since(tx, asset.id, tx.now() - REPORTS_IN) >= MOST_REPORTS:
        raise AssetReportsThrottled(retry_after=REPORTS_IN.total_seconds() / MOST_REPORTS)
    wanted = TicketMessage(
        subject=f"报修 Repair: {asset.display_name}"[:300],
        description=request.description,
        # A tenant with types of its own that repairs nothing takes the report without one.
        type_code=await standing_code(tx, REPAIR),
        arrival="QR",
        requester_name=request.requester_name,
        asset_id=str(asset.id),
        unit_id=str(asset.unit_id or ""),
        partner_party_id=str(asset.partner_party_id or ""),
    )
    if request.phone:
        wanted.contact_points.add(kind="PHONE", value=request.phone)
    ticket = await open_ticket(tx, wanted)
    shown = await opened(tx, asset)
    return pb.ReportedFault(
        ticket_number=ticket.number, in_warranty=shown.in_warranty, warranty_end_date=shown.warranty_end_date
    )


async def _cover(tx: Tx, asset: Asset) -> tuple[Cover | None, date]:
    zone, _ = await tx.known.zone_and_currency(asset.unit_id)
    day = tx.now().astimezone(ZoneInfo(zone)).date()
    return cover_at(await store.line(tx, asset.id), day), day
