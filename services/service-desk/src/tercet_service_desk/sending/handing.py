"""Handing over to marketing, outside of any transaction. The key makes a repetition harmless, so whoever dies between
the call and its record is simply followed by another try.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tercet.marketing.v1.send_service_pb2 import Send, SendMessageRequest
from tercet_chassis import Outside, Refusal, Tx

# Longer than a call: after it, whoever was calling is taken for dead.
LEASE = timedelta(minutes=2)
_LONGEST_WAIT = 600
# The words of a send that is there were others: it went out as it was handed over first.
_THERE_ALREADY = "SEND_KEY_REUSED"

# What marketing made of it: its send, or why it will not; None when it had it from an earlier try.
Outcome = Send | Refusal | None
Record = Callable[[Tx, Outcome], Awaitable[None]]


def hand_over(tx: Tx, request: SendMessageRequest, record: Record) -> None:
    """Asks marketing to send once this transaction is committed; `record` gets the outcome."""
    tx.afterwards(_hand_over, request, record)


def later(attempts: int) -> timedelta:
    """How long to wait before marketing, which was away, is asked again."""
    return timedelta(seconds=min(_LONGEST_WAIT, 2 ** min(attempts, 12)))


async def _hand_over(outside: Outside, request: SendMessageRequest, record: Record) -> None:
    """Where the outcome is lost, the second look after the lease hands it over again."""
    outcome: Outcome = None
    try:
        outcome = await outside.call("marketing", "SendMessage", request)
    except Refusal as refused:
        outcome = None if refused.reason == _THERE_ALREADY else refused
    async with outside.transaction() as tx:
        await record(tx, outcome)
