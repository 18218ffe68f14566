"""Values follow transactions, and merges and splits of parties."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import NotYet, Tx, effect
from tercet_sales.transactions import store as transactions
from tercet_sales.value import compute, store

ORIGINS = ("live", "import")


@effect(events.TransactionRecorded, origins=ORIGINS)
async def follow_transaction(event: Any, tx: Tx) -> None:
    """Computes the buyer's value of the sale's period anew."""
    recorded = await transactions.transaction(tx, UUID(event.transaction.id))
    if recorded is None or recorded.unit_id is None:
        raise NotYet(f"transaction {event.transaction.id} is not here")
    await compute.transaction_recorded(
        tx, recorded.identity_id, recorded.party_id, recorded.unit_id, recorded.sale_time
    )


@effect(PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_moves(event: Any, tx: Tx) -> None:
    """Judges anew the parties that lost or won an identity."""
    newest, parties = await tx.known.follow_moves(event.moves)
    for unit_id, start in sorted(await store.periods_of_identities(tx, list(newest))):
        await compute.share(tx, unit_id)
        frame = await compute.frame_of(tx, unit_id, day=start)
        thresholds = await compute.thresholds_of(tx, frame)
        for party_id in sorted(parties):
            await compute.judge_party(tx, frame, party_id, thresholds)
