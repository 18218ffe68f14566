"""Assets on the real service: parts, serials, warranties, who has them, downtimes, and faults reported by a code."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from tercet.chassis.v1 import maintenance_service_pb2 as checking
from tercet.leads.v1 import events_pb2 as leads_events
from tercet.servicedesk.v1 import asset_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

Role = pb.AssetHolding.Role
DAY = timedelta(days=1)


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


async def added(desk: Client, name: str = "3号电梯", **values: Any) -> pb.Asset:
    asset = pb.Asset(**{"kind_code": "elevator", "display_name": name, **values})
    made: pb.Asset = await desk.CreateAsset(pb.CreateAssetRequest(asset=asset))
    return made


async def handed(desk: Client, asset: pb.Asset, who: Any, start: datetime, role: Any = Role.USER, **more: Any) -> Any:
    request = pb.HandOverAssetRequest(id=asset.id, role=role, identity_id=str(who), start_time=stamp(start), **more)
    return await desk.HandOverAsset(request)


async def test_serial_is_one_of_its_kind_however_it_is_written_and_assets_are_found(service_desk: Client) -> None:
    asset = await added(service_desk, serial_number="LSV-2001 ab", product_code="T100", custom={})
    for twin in ("lsv2001AB", "ＬＳＶ2001ＡＢ"):
        with refused("RESOURCE_ALREADY_EXISTS", "asset.serial_number"):
            await added(service_desk, serial_number=twin)
    await added(service_desk, serial_number="LSV-2001 ab", kind_code="vehicle")
    await added(service_desk)
    await added(service_desk)
    for text in ("电梯", "LSV", "T100"):
        found = await service_desk.ListAssets(pb.ListAssetsRequest(q=text, count=True, filter='kind_code = "elevator"'))
        assert asset.id in {one.id for one in found.assets}
    own = service_desk.as_(permissions={"service-desk.asset.read": "own"})
    assert not (await own.ListAssets(pb.ListAssetsRequest())).assets
    with refused("RESOURCE_NOT_FOUND"):
        await own.GetAsset(pb.GetAssetRequest(id=asset.id))


async def test_parts_make_no_circle_and_are_not_endless(service_desk: Client) -> None:
    line = [await added(service_desk)]
    for _ in range(9):
        line.append(await added(service_desk, parent_id=line[-1].id))
    with refused("ASSET_TOO_DEEP", "asset.parent_id"):
        await added(service_desk, parent_id=line[-1].id)
    with refused("ASSET_PARENT_UNKNOWN", "asset.parent_id"):
        await added(service_desk, parent_id=str(new_id()))
    for parent in (line[0], line[4]):
        with refused("ASSET_INSIDE_ITSELF", "asset.parent_id"):
            change = pb.Asset(id=line[0].id, parent_id=parent.id)
            await service_desk.UpdateAsset(pb.UpdateAssetRequest(asset=change))
    with refused("ASSET_HAS_PARTS"):
        await service_desk.DeleteAsset(pb.DeleteAssetRequest(id=line[0].id))
    await service_desk.DeleteAsset(pb.DeleteAssetRequest(id=line[-1].id))
    # Two moves at once, each legal by itself, close no circle.
    a, b = await added(service_desk), await added(service_desk)
    moves = [pb.Asset(id=a.id, parent_id=b.id), pb.Asset(id=b.id, parent_id=a.id)]
    done = await asyncio.gather(
        *(service_desk.UpdateAsset(pb.UpdateAssetRequest(asset=move)) for move in moves), return_exceptions=True
    )
    assert [getattr(one, "reason", "") for one in done].count("ASSET_INSIDE_ITSELF") == 1


async def test_warranty_on_a_day_is_ones_own_or_that_of_the_whole(service_desk: Client) -> None:
    whole = await added(service_desk, warranty_start_date="2025-01-01", warranty_end_date="2027-12-31")
    part = await added(
        service_desk, parent_id=whole.id, warranty_start_date="2025-01-01", warranty_end_date="2025-06-30"
    )
    expected = [
        ("2025-06-30", part.id, True, 0),
        ("2025-07-01", whole.id, True, 913),
        ("2028-01-01", part.id, False, 0),
    ]
    for day, covering, holds, left in expected:
        found = await service_desk.CheckWarranty(pb.CheckWarrantyRequest(id=part.id, day_date=day))
        assert (found.asset_id, found.in_warranty, found.days_left) == (covering, holds, left), day
    with refused("DAY_INVALID", "day_date"):
        await service_desk.CheckWarranty(pb.CheckWarrantyRequest(id=part.id, day_date="2025-02-30"))
    with refused("WARRANTY_DATES_INVALID", "asset.warranty_end_date"):
        await added(service_desk, warranty_start_date="2025-02-01", warranty_end_date="2025-01-01")


async def test_who_used_it_when_is_known_and_nobody_has_it_twice(service_desk: Client, leads: Client) -> None:
    asset, now = await added(service_desk), datetime.now(UTC)
    first, second, driver = new_id(), new_id(), new_id()
    await handed(service_desk, asset, first, now - 30 * DAY)
    await handed(service_desk, asset, second, now - 10 * DAY)
    for who in (driver, new_id()):
        await handed(service_desk, asset, who, now - 5 * DAY, Role.OPERATOR)
    with refused("ASSET_HOLDING_OVERLAPS", "start_time"):
        await handed(service_desk, asset, new_id(), now - 20 * DAY, end_time=stamp(now - 9 * DAY))
    with refused("ASSET_PERIOD_INVALID"):
        await handed(service_desk, asset, new_id(), now + DAY)

    async def at(moment: datetime, role: str = "USER") -> list[str]:
        request = pb.ListAssetHoldingsRequest(asset_id=asset.id, at_time=stamp(moment), filter=f"role = {role}")
        return [one.party_id for one in (await service_desk.ListAssetHoldings(request)).asset_holdings]

    assert await at(now - 20 * DAY) == [str(first)]
    assert await at(now - DAY) == [str(second)]
    assert await at(now - 40 * DAY) == []
    assert len(await at(now, "OPERATOR")) == 2
    crowd = await asyncio.gather(
        *(handed(service_desk, asset, new_id(), now - DAY, Role.OWNER, end_time=stamp(now)) for _ in range(5)),
        return_exceptions=True,
    )
    assert [getattr(one, "reason", "") for one in crowd].count("ASSET_HOLDING_OVERLAPS") == 4
    # A merge moves what somebody has, and the list of a party follows.
    merged = new_id()
    moved = leads_events.PartyMembersMoved()
    moved.moves.add(identity_id=str(second), from_party_id=str(second), to_party_id=str(merged), version=1)
    async with leads.transaction() as tx:
        tx.emit(leads_events.PartyMembersMoved, None, moves=list(moved.moves))
    await service_desk.settled()
    assert await at(now - DAY) == [str(merged)]
    theirs = await service_desk.ListAssets(pb.ListAssetsRequest(party_id=str(merged)))
    assert [one.id for one in theirs.assets] == [asset.id]
    assert not (
        await service_desk.ListAssets(pb.ListAssetsRequest(party_id=str(merged), at_time=stamp(now - 20 * DAY)))
    ).assets
    with refused("ASSET_HAS_HISTORY"):
        await service_desk.DeleteAsset(pb.DeleteAssetRequest(id=asset.id))
    found = await service_desk.CheckInvariants(checking.CheckInvariantsRequest())
    assert [one.holds for one in found.findings if one.invariant == "assets.one_holder_a_role"] == [True]


async def test_reliability_follows_from_downtimes(service_desk: Client) -> None:
    asset = await added(service_desk)
    start = datetime.now(UTC).replace(microsecond=0) - 10 * DAY
    hour = timedelta(hours=1)
    for begin, lasted, planned in ((24, 2, False), (48, 4, False), (72, 6, True)):
        at = start + begin * hour
        request = pb.RecordAssetDowntimeRequest(
            asset_id=asset.id, start_time=stamp(at), end_time=stamp(at + lasted * hour), planned=planned
        )
        await service_desk.RecordAssetDowntime(request)
    with refused("ASSET_DOWNTIME_OVERLAPS"):
        await service_desk.RecordAssetDowntime(request)
    window = {"from_time": stamp(start), "to_time": stamp(start + 100 * hour)}
    found = await service_desk.GetAssetReliability(pb.GetAssetReliabilityRequest(id=asset.id, **window))
    assert (found.failure_count, found.mtbf_hours, found.mttr_hours) == (2, 44.0, 3.0)
    assert (found.uptime_hours, found.availability) == (88.0, 0.88)


async def test_ticket_is_about_an_asset_that_there_is(service_desk: Client) -> None:
    asset = await added(service_desk)
    wanted = tickets.Ticket(subject="门关不上", asset_id=str(new_id()))
    with refused("TICKET_ASSET_UNKNOWN", "ticket.asset_id"):
        await service_desk.CreateTicket(tickets.CreateTicketRequest(ticket=wanted))
    wanted.asset_id = asset.id
    made = await service_desk.CreateTicket(tickets.CreateTicketRequest(ticket=wanted))
    assert made.asset_id == asset.id
    with refused("TICKET_ASSET_UNKNOWN", "ticket.asset_id"):
        moved = tickets.Ticket(id=made.id, asset_id=str(new_id()))
        await service_desk.UpdateTicket(tickets.UpdateTicketRequest(ticket=moved, update_mask={"paths": ["asset_id"]}))


async def test_anybody_reports_a_fault_by_the_code_and_nobody_floods_the_desk(service_desk: Client) -> None:
    asset = await added(
        service_desk, warranty_start_date="2020-01-01", warranty_end_date="2099-12-31", unit_id=str(new_id())
    )
    token = (await service_desk.GetAssetLink(pb.GetAssetLinkRequest(id=asset.id))).token
    anybody = service_desk.as_(permissions={"none": "all"}, kind="anonymous")
    shown = await anybody.OpenAssetLink(pb.OpenAssetLinkRequest(token=token))
    assert (shown.display_name, shown.in_warranty) == ("3号电梯", True)
    request = pb.ReportAssetFaultRequest(
        token=token, description="门关不上", requester_name="李雷", phone="13800138000"
    )
    told = await asyncio.gather(*(anybody.ReportAssetFault(request) for _ in range(9)), return_exceptions=True)
    assert [getattr(one, "reason", "") for one in told].count("ASSET_REPORTS_THROTTLED") == 4
    found = await service_desk.ListTickets(tickets.ListTicketsRequest(filter=f'asset_id = "{asset.id}"'))
    assert len(found.tickets) == 5
    ticket = found.tickets[0]
    assert (ticket.arrival, ticket.unit_id, ticket.type_code) == (tickets.Ticket.QR, asset.unit_id, "repair")
    assert [point.value for point in ticket.contact_points] == ["13800138000"]
    assert ticket.number in {one.ticket_number for one in told if isinstance(one, pb.ReportedFault)}
    renewed = (await service_desk.RenewAssetLink(pb.RenewAssetLinkRequest(id=asset.id))).token
    stranger = service_desk.as_(permissions={"none": "all"}, tenant_id=new_id())
    for client, wrong in ((anybody, token), (anybody, "x"), (anybody, renewed + "AAAA"), (stranger, renewed)):
        with refused("ASSET_LINK_INVALID", "token"):
            await client.OpenAssetLink(pb.OpenAssetLinkRequest(token=wrong))
