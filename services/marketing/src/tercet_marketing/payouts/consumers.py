"""Payouts begin with the grants that are to be paid."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tercet.marketing.v1.events_pb2 import GrantPayoutRequested
from tercet_chassis import Event, Tx, effect
from tercet_marketing.grants import store as grants
from tercet_marketing.payouts import store
from tercet_marketing.payouts.jobs import wake
from tercet_marketing.payouts.model import Payout, bill_id
from tercet_marketing.tools import registry


@effect(GrantPayoutRequested)
async def begin_payouts(events: Sequence[Event[GrantPayoutRequested]], tx: Tx) -> None:
    """Each grant that is to be paid out gets its one payout."""
    asked = {UUID(event.message.grant.id) for event in events}
    fresh = [grant for grant in await grants.by_ids(tx, asked - await store.known(tx, asked)) if grant.face is not None]
    for grant in fresh:
        id = store.payout_id(grant.id)
        payout = Payout(
            id=id, identity_id=grant.identity_id, party_id=grant.party_id, grant_id=grant.id, amount=grant.face,
            paid_by=registry.tool(grant.tool_code).tool.paid_by(grant.numbers), bill_id=bill_id(id, 1),
            next_time=tx.now(), campaign_id=grant.campaign_id, strategy_code=grant.strategy_code,
        )  # fmt: skip
        tx.add(payout)
    if fresh:
        wake(tx, tx.now())
