"""A placement's link and code lead on, and everything that comes of it is counted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from support.leads import make, mobile, person
from tercet.leads.v1.placement_service_pb2 import (
    CreatePlacementRequest,
    DeletePlacementRequest,
    GetPlacementRequest,
    Placement,
    RecordScanRequest,
    RenderPlacementCodeRequest,
)
from tercet.leads.v1.source_service_pb2 import CreateSourceRequest, Source
from tercet_chassis.testing import Client, refused
from tercet_leads.placements.rules import qr_code, tracked_link, with_parameters


async def placement(leads: Client, **values: Any) -> Placement:
    await leads.CreateSource(
        CreateSourceRequest(source=Source(code="expo", display_name="展会", kind=Source.OFFLINE_EVENT))
    )
    given = Placement(
        display_name="海报",
        source_code="expo",
        target_url="https://example.com/page?a=1",
        parameters={"utm_source": "expo"},
        **values,
    )
    answer: Placement = await leads.CreatePlacement(CreatePlacementRequest(placement=given))
    return answer


async def test_scan_leads_on_with_the_parameters_and_is_counted(leads: Client) -> None:
    poster = await placement(leads)
    anybody = leads.as_(permissions={"nothing": "all"}, kind="anonymous")
    scan = await anybody.RecordScan(RecordScanRequest(short_code=poster.short_code, visitor="device-1"))
    assert scan.target_url == "https://example.com/page?a=1&utm_source=expo"
    lead = await make(leads, full_name=person(1), mobile=mobile(1), placement_id=scan.placement_id)
    assert lead.source_code == "expo"
    await make(leads, full_name=person(1), mobile=mobile(1), placement_id=scan.placement_id)
    counted = await leads.GetPlacement(GetPlacementRequest(id=poster.id))
    assert (counted.scan_count, counted.lead_count, counted.won_count) == (1, 1, 0)


async def test_expired_placement_leads_nowhere_and_its_scans_still_count(leads: Client) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    given = Placement()
    given.expire_time.FromDatetime(past)
    poster = await placement(leads, expire_time=given.expire_time)
    scan = await leads.RecordScan(RecordScanRequest(short_code=poster.short_code))
    assert (scan.expired, scan.target_url) == (True, "")
    assert (await leads.GetPlacement(GetPlacementRequest(id=poster.id))).scan_count == 1


async def test_unknown_short_code_is_not_found(leads: Client) -> None:
    with refused("PLACEMENT_NOT_FOUND", "short_code"):
        await leads.RecordScan(RecordScanRequest(short_code="nothing"))


async def test_placement_of_no_source_is_refused_and_used_ones_stay(leads: Client) -> None:
    with refused("SOURCE_NOT_FOUND", "placement.source_code"):
        given = Placement(display_name="x", source_code="nowhere", target_url="https://example.com")
        await leads.CreatePlacement(CreatePlacementRequest(placement=given))
    poster = await placement(leads)
    await leads.RecordScan(RecordScanRequest(short_code=poster.short_code))
    with refused("PLACEMENT_IN_USE"):
        await leads.DeletePlacement(DeletePlacementRequest(id=poster.id))


async def test_code_is_drawn_as_svg_and_png(leads: Client) -> None:
    poster = await placement(leads)
    base = "https://example.com/l/"
    svg = await leads.RenderPlacementCode(RenderPlacementCodeRequest(id=poster.id, base_url=base))
    png = await leads.RenderPlacementCode(
        RenderPlacementCodeRequest(id=poster.id, base_url=base, format=RenderPlacementCodeRequest.PNG)
    )
    assert (svg.media_type, png.media_type) == ("image/svg+xml", "image/png")
    assert png.content.startswith(b"\x89PNG")
    assert svg.link == f"https://example.com/l/{poster.short_code}"
    assert b"<svg" in svg.content


def test_same_link_gives_the_same_code_and_another_gives_another() -> None:
    one, two = (qr_code(tracked_link("https://example.com", code), "SVG", 1) for code in ("abc", "abd"))
    assert one == qr_code("https://example.com/abc", "SVG", 1)
    assert re.sub(rb"\s", b"", one) != re.sub(rb"\s", b"", two)


def test_parameters_replace_those_of_the_same_name() -> None:
    assert (
        with_parameters("https://a.cn/x?b=1&utm_source=old#top", {"utm_source": "新"})
        == "https://a.cn/x?b=1&utm_source=%E6%96%B0#top"
    )
