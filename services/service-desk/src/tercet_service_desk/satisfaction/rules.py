"""Links of surveys: whoever holds one may answer that survey, until it expires, and nobody can make one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

SATISFIED_FROM = 4
ANSWERABLE = timedelta(days=30)
_SIGNATURE = 16


def invitation(number: str, link: str) -> tuple[str, str]:
    """Subject and text of an invitation, in both languages of the house: which one they speak is not known."""
    return (
        f"请评价我们的服务 How did we do? [{number}]",
        f"您的工单 {number} 已解决。请告诉我们您是否满意:\nYour ticket {number} is solved. Tell us how we did:\n{link}",
    )


def signed(secret: bytes, tenant_id: UUID, survey_id: UUID, expire_time: datetime) -> str:
    """The token of a survey's link: id and expiry, signed for this tenant."""
    told = survey_id.bytes + int(expire_time.timestamp()).to_bytes(8, "big")
    return base64.urlsafe_b64encode(told + _signature(secret, tenant_id, told)).decode().rstrip("=")


def survey_of(secret: bytes, tenant_id: UUID, token: str, now: datetime) -> UUID | None:
    """The survey that a token may answer; None when it was not signed here for this tenant, or is too old."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    told, given = raw[:24], raw[24:]
    if len(raw) != 24 + _SIGNATURE or not hmac.compare_digest(given, _signature(secret, tenant_id, told)):
        return None
    return UUID(bytes=told[:16]) if now.timestamp() < int.from_bytes(told[16:], "big") else None


def _signature(secret: bytes, tenant_id: UUID, told: bytes) -> bytes:
    return hmac.digest(secret, b"survey|" + tenant_id.bytes + told, hashlib.sha256)[:_SIGNATURE]
