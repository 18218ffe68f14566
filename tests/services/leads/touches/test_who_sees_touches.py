"""What somebody submitted goes with the lead: who has lost the lead sees it no longer, who got it does."""

from __future__ import annotations

from support.leads import make, mobile
from tercet.leads.v1.lead_service_pb2 import ClaimLeadRequest, ReleaseLeadRequest
from tercet.leads.v1.pool_service_pb2 import CreatePoolRequest, Pool
from tercet.leads.v1.touch_service_pb2 import GetTouchRequest, ListTouchesRequest
from tercet_chassis.testing import Client, refused

SELLER = {"leads.touch.read": "own", "leads.lead.*": "own", "leads.lead.claim": "unit"}


async def _touches(client: Client) -> list[str]:
    return [touch.id for touch in (await client.ListTouches(ListTouchesRequest(count=True))).touches]


async def test_touches_go_with_the_lead_from_hand_to_hand(leads: Client) -> None:
    await leads.CreatePool(CreatePoolRequest(pool=Pool(code="public", display_name="公海", fallback=True)))
    unit_id = leads.principal.unit_id
    before, after = (leads.as_(permissions=SELLER, unit_id=unit_id) for _ in range(2))
    lead = await make(leads, full_name="王芳", mobile=mobile(1), owner_id=str(before.principal.user_id))
    [touch] = await _touches(before)
    assert await _touches(after) == []
    await before.ReleaseLead(ReleaseLeadRequest(id=lead.id, reason="没有时间"))
    assert await _touches(before) == []
    with refused("RESOURCE_NOT_FOUND"):
        await before.GetTouch(GetTouchRequest(id=touch))
    await after.ClaimLead(ClaimLeadRequest(id=lead.id))
    assert await _touches(after) == [touch]
    assert await _touches(before) == []
