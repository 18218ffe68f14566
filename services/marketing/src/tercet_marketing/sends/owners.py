"""Whose an address is, for what goes to it and what comes from it alike."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis import Tx, derived_id
from tercet_marketing.consent import store as consent
from tercet_marketing.sends import store


async def owner_of(tx: Tx, point_key: str) -> tuple[UUID, UUID]:
    """Whose an address is, as far as we know: of several the first we met; of nobody, a trace of its own that the same
    address always gets.
    """
    known = await consent.deciders(tx, point_key)
    if known:
        return known[0]
    last = await store.last_recipient(tx, point_key)
    if last is not None:
        return last.identity_id, last.party_id
    made = derived_id("recipient", tx.tenant_id, point_key)
    return made, await tx.known.party_of(made) or made
