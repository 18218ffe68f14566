"""Contact points that providers report as dead or unwilling get nothing more."""

from __future__ import annotations

from tercet_chassis import Tx
from tercet_marketing.consent import store as consent
from tercet_marketing.consent.model import Suppression
from tercet_marketing.profiles.rules import point_digest
from tercet_marketing.sends.rules import Json


async def suppress(tx: Tx, point: Json, cause: str, note: str) -> None:
    """Sends nothing more to a contact point; nothing when that is so already."""
    key = point_digest(point)
    await tx.hold("suppress", [key])
    if await consent.suppression_of(tx, key) is None:
        tx.add(Suppression(contact_point=point, point_key=key, cause=cause, note=note[:500]))
        await tx.flush()
