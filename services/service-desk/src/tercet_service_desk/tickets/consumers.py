"""Levels and calendars are announced by this very service; open tickets follow them."""

from __future__ import annotations

from tercet.servicedesk.v1.events_pb2 import (
    CalendarUpdated,
    ServiceLevelCreated,
    ServiceLevelDeleted,
    ServiceLevelUpdated,
)
from tercet_chassis import Tx, effect
from tercet_service_desk.tickets.jobs import follow_rules


@effect(CalendarUpdated, ServiceLevelCreated, ServiceLevelUpdated, ServiceLevelDeleted)
async def apply_changed_rules(
    event: CalendarUpdated | ServiceLevelCreated | ServiceLevelUpdated | ServiceLevelDeleted, tx: Tx
) -> None:
    """Begins at the first open ticket; several changes at once are one round."""
    tx.schedule(follow_rules, due=tx.now(), key="all", after="")
