"""Quotes end by themselves after their last day."""

from __future__ import annotations

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, job
from tercet_sales.quotes.model import Quote


@job
async def expire_quote(tx: Tx, quote_id: str) -> None:
    """Expires a quote that is still with the customer when its last day is over."""
    quote = await tx.find(Quote, quote_id, lock=True)
    if quote is not None and quote.expire(tx.now()):
        tx.emit(events.QuoteExpired, quote)
