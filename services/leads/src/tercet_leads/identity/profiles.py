"""What parties are known by, put together anew after members moved or were forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tercet_chassis import Tx
from tercet_leads.identity import store
from tercet_leads.identity.blocking import all_keys
from tercet_leads.identity.model import Party


async def rebuild(tx: Tx, parties: Sequence[Party]) -> None:
    """Profiles and keys of parties anew, after their members moved."""
    await tx.flush()
    for party in parties:
        members = await store.members(tx, party.id)
        party.rebuild(members)
        keys = [key for member in members for key in all_keys(member.comparable())]
        await tx.flush()
        await store.replace_keys(tx, party.id, keys)


async def forget(tx: Tx, identity_ids: Sequence[UUID]) -> int:
    """Forgets those traces of which nothing is left, and parties that nobody else belongs to; answers how many traces.

    A trace stays as long as a lead, touch or customer is about it, or its party is one about which somebody decided:
    undoing that decision needs it. Parties that keep members are known by these alone.
    """
    await tx.flush()
    party_ids = await store.forgettable(tx, identity_ids)
    # Whoever recognises somebody as one of these parties writes its row, so the rows are held before looking again.
    parties = await store.lock_parties(tx, list(party_ids.values()))
    gone = await store.forgettable(tx, list(party_ids))
    await store.delete_identities(tx, list(gone))
    left = {party_id: await store.count_members(tx, party_id) for party_id in set(gone.values())}
    await store.delete_parties(tx, [party_id for party_id, members in left.items() if not members])
    await rebuild(tx, [parties[party_id] for party_id, members in sorted(left.items()) if members])
    return len(gone)
