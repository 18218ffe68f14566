"""What tests of sends begin with: a customer with an address who agreed, and a look at how sends end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.marketing.v1 import send_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision, ProfileContactPoint, SetConsentRequest
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually
from tercet_marketing.profiles import store as profiles

MARKETING, SERVICE, TRANSACTION = ConsentDecision.MARKETING, ConsentDecision.SERVICE, ConsentDecision.TRANSACTION
GRANTED, DENIED = ConsentDecision.GRANTED, ConsentDecision.DENIED
WAITING = (pb.Send.QUEUED, pb.Send.SENDING)


def email(value: str) -> ProfileContactPoint:
    return ProfileContactPoint(kind=ProfileContactPoint.EMAIL, value=value)


def phone(value: str) -> ProfileContactPoint:
    return ProfileContactPoint(kind=ProfileContactPoint.PHONE, value=value)


async def somebody(marketing: Client, name: str = "王芳", *points: ProfileContactPoint, **more: Any) -> UUID:
    """A customer as marketing knows one; gives the identity."""
    identity_id = more.pop("identity_id", None) or new_id()
    async with marketing.transaction() as tx:
        profile = await profiles.profile_for(tx, identity_id, more.pop("party_id", None) or identity_id)
        profile.display_name = name
        kinds = ProfileContactPoint.Kind
        profile.contact_points = [
            {"kind": kinds.Name(point.kind), "value": point.value, "platform": point.platform} for point in points
        ]
        for key, value in more.items():
            setattr(profile, key, value)
    return identity_id


async def profile_id(marketing: Client, identity_id: UUID) -> str:
    async with marketing.transaction() as tx:
        found = await profiles.profile_of(tx, identity_id)
        assert found is not None
        return str(found.id)


async def decides(
    marketing: Client, identity_id: UUID, point: ProfileContactPoint, state: Any = GRANTED, purpose: Any = MARKETING
) -> None:
    """Somebody agrees, or does not."""
    decision = ConsentDecision(contact_point=point, purpose=purpose, state=state, source="test")
    await marketing.SetConsent(SetConsentRequest(id=await profile_id(marketing, identity_id), consent=decision))


def message(identity_id: UUID | None = None, channel: str = "email", **more: Any) -> pb.SendMessageRequest:
    """A request for one message; advertising unless it says otherwise."""
    values: dict[str, Any] = {"purpose": MARKETING, "channel_codes": [channel], "text": "您好", **more}
    if identity_id is not None:
        values["identity_id"] = str(identity_id)
    return pb.SendMessageRequest(**values)


async def ended(marketing: Client, send: Any, *states: Any) -> pb.Send:
    """The send when it has come to an end, or to one of these states."""

    async def there() -> Any:
        found = await marketing.GetSend(pb.GetSendRequest(id=send.id))
        return found if (found.state in states if states else found.state not in WAITING) else None

    found: pb.Send = await eventually(there, hint="the send never ended")
    return found


async def idle(marketing: Client) -> None:
    """Until nothing is being handed over."""
    await marketing.running.runtime.background.idle()
