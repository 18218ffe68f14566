"""Open tickets follow levels and calendars, which this very service announces; answers follow what marketing tells of
their sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as marketing
from tercet.servicedesk.v1.events_pb2 import (
    CalendarUpdated,
    ServiceLevelCreated,
    ServiceLevelDeleted,
    ServiceLevelUpdated,
)
from tercet_chassis import Event, Tx, effect, projection
from tercet_service_desk.tickets import store
from tercet_service_desk.tickets.jobs import follow_rules, tell_fate


@effect(CalendarUpdated, ServiceLevelCreated, ServiceLevelUpdated, ServiceLevelDeleted)
async def apply_changed_rules(
    event: CalendarUpdated | ServiceLevelCreated | ServiceLevelUpdated | ServiceLevelDeleted, tx: Tx
) -> None:
    """Begins at the first open ticket; several changes at once are one round."""
    tx.schedule(follow_rules, due=tx.now(), key="all", after="")


@projection(
    marketing.MessageSent,
    marketing.MessageDelivered,
    marketing.MessageFailed,
    marketing.MessageWithheld,
    marketing.MessageDoubted,
)
async def follow_sends(events: Sequence[Event[Any]], tx: Tx) -> None:
    """An answer says what became of it."""
    sends = {UUID(event.message.send.id): event.message.send for event in events if event.message.send.ticket_id}
    if not sends:
        return
    for entry in await store.entries_by_ids(tx, list(sends)):
        send = sends[entry.id]
        if entry.follow(send.State.Name(send.state), send.state_code, send.detail):
            await tell_fate(tx, entry)
