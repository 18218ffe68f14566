"""Marketing tells what requesters write."""

from __future__ import annotations

from tercet.marketing.v1.events_pb2 import MessageReceived
from tercet_chassis import Tx, effect
from tercet_service_desk.intake.receiving import take


@effect(MessageReceived)
async def take_message(event: MessageReceived, tx: Tx) -> None:
    """Puts a message on its ticket, or opens one for it."""
    await take(tx, event.received_message)
