"""Deliveries: sent outside of any transaction, their outcome recorded in one, taken up again when a process dies."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tercet.gateway.v1 import events_pb2 as events
from tercet_chassis import Outside, Tx, every, job
from tercet_chassis.sealing import sealer_of
from tercet_gateway.webhooks import hearing, store
from tercet_gateway.webhooks.model import ENABLED, PENDING
from tercet_gateway.webhooks.rules import KEEP, SEALED_FOR, is_hopeless
from tercet_gateway.webhooks.sending import Attempt, Outcome, Sender

# Longer than an attempt and its wait for a slot: after it, whoever was sending is taken for dead.
_LEASE = timedelta(minutes=5)
_sender = Sender()


@job
async def attempt_delivery(tx: Tx, delivery_id: str) -> None:
    """Begins one attempt, and puts a second look at it on the list in case nobody lives to record how it went."""
    delivery = await store.delivery(tx, delivery_id)
    if delivery is None or delivery.state != PENDING:
        return
    hook = await store.find(tx, delivery.webhook_id)
    if hook is None or hook.state != ENABLED:
        delivery.give_up("the webhook is turned off")
        return
    attempt = Attempt(
        url=hook.url,
        id=str(delivery.event_id),
        body=delivery.body.encode(),
        secrets=hook.signing_secrets(tx.now(), sealer_of(tx.runtime, SEALED_FOR).open),
        allow_private=tx.runtime.settings.development,
    )
    tx.schedule(attempt_delivery, due=tx.now() + _LEASE, key=delivery_id, delivery_id=delivery_id)
    tx.afterwards(_attempt, delivery.id, attempt)


async def _attempt(outside: Outside, delivery_id: UUID, attempt: Attempt) -> None:
    """Where the outcome is lost, the lease's second look repeats the attempt; the receiver knows it by its id."""
    outcome = await _sender.send(attempt)
    async with outside.transaction() as tx:
        await _record(tx, delivery_id, outcome)


async def _record(tx: Tx, delivery_id: UUID, outcome: Outcome) -> None:
    delivery = await store.delivery(tx, delivery_id)
    if delivery is None or delivery.state != PENDING:
        return
    if outcome.taken and outcome.status is not None:
        delivery.succeed(tx.now(), outcome.status)
        await store.note_success(tx, delivery.webhook_id, tx.now())
        return
    delivery.fail(tx.now(), outcome.status, outcome.error)
    if delivery.next_time is not None:
        tx.schedule(attempt_delivery, due=delivery.next_time, key=str(delivery.id), delivery_id=str(delivery.id))
    if is_hopeless(await store.note_failure(tx, delivery.webhook_id, tx.now()), tx.now()):
        await turn_off(tx, delivery.webhook_id, "five days without a success")


async def turn_off(tx: Tx, webhook_id: UUID, reason: str) -> None:
    """Turns a webhook off, gives up what waits for it, and tells so; nothing when it is off."""
    hook = await store.find(tx, webhook_id)
    if hook is not None and hook.disable(reason):
        await tx.flush()
        await store.abandon_pending(tx, webhook_id, "the webhook is turned off")
        tx.emit(events.WebhookDisabled, hook)


def narrow_soon(tx: Tx, webhook_id: UUID) -> None:
    """Has what a webhook asks for no more delivered no more, once this transaction is committed."""
    tx.schedule(narrow_hearing, due=tx.now(), key=str(webhook_id), webhook_id=str(webhook_id))


@job
async def narrow_hearing(tx: Tx, webhook_id: str) -> None:
    """Leaves of what is delivered for a webhook what it asks for as it stands."""
    id = UUID(webhook_id)
    await hearing.hold(tx, id)
    hook = await store.find(tx, id)
    await hearing.narrow(tx, id, hook.event_patterns if hook is not None else ())


@every(hours=6)
async def narrow_hearing_late(tx: Tx) -> None:
    """Finds webhooks that were refused, or whose change was, after events had been asked for."""
    for webhook_id in await hearing.asking(tx):
        narrow_soon(tx, webhook_id)


@every(hours=6)
async def forget_deliveries(tx: Tx) -> None:
    """Removes deliveries older than two weeks."""
    await store.forget_older(tx, tx.now() - KEEP)


@every(hours=6)
async def seal_secrets_anew(tx: Tx) -> None:
    """Brings signing secrets under the newest key of the settings, so that older keys can be taken out."""
    sealer = sealer_of(tx.runtime, SEALED_FOR)
    for hook in await store.every(tx):
        if any(not sealer.is_current(kept["sealed"]) for kept in hook.secrets):
            hook.seal_anew(sealer.open, sealer.seal)
