"""Payouts given up: the grant is taken back, and its budgets get their money again."""

from __future__ import annotations

from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_marketing.grants import ending as grants
from tercet_marketing.grants import store as grants_store
from tercet_marketing.payouts import store
from tercet_marketing.payouts.model import Payout

_ENDED = ("REVERSED", "EXPIRED")


async def give_up(tx: Tx, id: UUID, code: str) -> Payout:
    """Ends one payout and its grant; of a grant that has ended only the payout. Refuses what the payer has, and what
    has ended.
    """
    payout = (await store.locked(tx, [id]))[id]
    grant = (await grants_store.locked(tx, [payout.grant_id]))[payout.grant_id]
    ended = grant.state in _ENDED
    payout.cancel(f"GRANT_{grant.state}" if ended else code)
    if not ended:
        await grants.reverse(tx, grant)
    tx.emit(events.PayoutCanceled, payout)
    return payout
