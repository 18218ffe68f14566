"""Handing over to marketing, outside of any transaction. The key makes a repetition harmless, so whoever dies between
the call and its record is simply followed by another try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tercet.marketing.v1.send_service_pb2 import Send, SendMessageRequest
from tercet_chassis import Calls, Refusal, Tx
from tercet_chassis.context import Context
from tercet_chassis.principal import Principal
from tercet_chassis.transaction import Running

log = structlog.get_logger(__name__)

# Longer than a call: after it, whoever was calling is taken for dead.
LEASE = timedelta(minutes=2)
_LONGEST_WAIT = 600
# The words of a send that is there were others: it went out as it was handed over first.
_THERE_ALREADY = "SEND_KEY_REUSED"

# What marketing made of it: its send, or why it will not; None when it had it from an earlier try.
Outcome = Send | Refusal | None
Record = Callable[[Tx, Outcome], Awaitable[None]]
_running: set[asyncio.Task[None]] = set()


def hand_over(tx: Tx, request: SendMessageRequest, record: Record) -> None:
    """Asks marketing to send once this transaction is committed; `record` gets the outcome."""
    tx.after_commit(lambda: _launch(tx.runtime, tx.tenant_id, request, record))


def later(attempts: int) -> timedelta:
    """How long to wait before marketing, which was away, is asked again."""
    return timedelta(seconds=min(_LONGEST_WAIT, 2 ** min(attempts, 12)))


def _launch(runtime: Running, tenant_id: UUID, request: SendMessageRequest, record: Record) -> None:
    task = asyncio.create_task(_hand_over(runtime, tenant_id, request, record))
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _hand_over(runtime: Running, tenant_id: UUID, request: SendMessageRequest, record: Record) -> None:
    principal = Principal.system(runtime.settings.service, tenant_id)
    context = Context(principal=principal, method="service-desk.sending")
    outcome: Outcome = None
    try:
        outcome = await Calls(runtime, context)("marketing", "SendMessage", request)
    except Refusal as refused:
        outcome = None if refused.reason == _THERE_ALREADY else refused
    try:
        async with runtime.transaction(context) as tx:
            await record(tx, outcome)
    except (Refusal, SQLAlchemyError, OSError) as fault:
        # The second look after the lease hands it over again.
        log.warning("sending.outcome_lost", send_id=request.id, cause=type(fault).__name__)
