"""The code on an asset, through the front door to the real service desk."""

from __future__ import annotations

from support.gateway import found_company
from support.rest import front_door
from support.servers import Servers
from support.services import client
from tercet.servicedesk.v1 import asset_service_pb2 as pb
from tercet.servicedesk.v1 import ticket_service_pb2 as tickets
from tercet_chassis.testing import Client, Together

NEVER = "<script>alert(1)</script>"


async def test_whoever_scans_reports_a_fault_and_is_slowed_down(
    gateway: Client, together: Together, servers: Servers
) -> None:
    running = await client(together, servers, "service-desk", gateway.tenant_id)
    company = await found_company(gateway)
    await company.admin.settled()
    desk = await running.running.join(company.admin.tenant_id)
    asset = pb.Asset(kind_code="elevator", display_name=f"3号电梯 {NEVER}", warranty_start_date="2020-01-01")
    asset = await desk.CreateAsset(pb.CreateAssetRequest(asset=asset))
    path = (await desk.GetAssetLink(pb.GetAssetLinkRequest(id=asset.id))).path
    assert path.startswith(f"/r/{company.code}/")
    async with front_door(together) as http:
        looked = await http.get(path, headers={"accept-language": "en"})
        assert looked.status_code == 200, looked.text
        assert "in warranty" in looked.text
        assert NEVER not in looked.text
        assert (await http.post(path, data={"description": " "})).status_code == 422
        told = [await http.post(path, data={"description": "门关不上", "name": "李雷"}) for _ in range(6)]
        assert [answer.status_code for answer in told] == [200] * 5 + [429]
        assert int(told[-1].headers["retry-after"]) > 0
        for wrong in (path[:-3] + "AAA", f"/r/{company.code}/x"):
            assert (await http.get(wrong)).status_code == 410
            assert (await http.post(wrong, data={"description": "x"})).status_code == 410
    found = (await desk.ListTickets(tickets.ListTicketsRequest(filter=f'asset_id = "{asset.id}"'))).tickets
    assert len(found) == 5
    assert found[0].number in "".join(answer.text for answer in told)
    assert (found[0].description, found[0].requester_name) == ("门关不上", "李雷")
