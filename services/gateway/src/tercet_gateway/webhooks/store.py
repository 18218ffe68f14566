"""Queries of webhooks and deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from tercet_chassis import Tx
from tercet_gateway.webhooks.model import DEAD, DELIVERED, ENABLED, PENDING, Webhook, WebhookDelivery


async def enabled(tx: Tx) -> Sequence[Webhook]:
    """The webhooks that are on."""
    # Asked for every event of every service, and mostly there is none.
    if not await tx.fetch("SELECT FROM webhooks WHERE state = $1 LIMIT 1", ENABLED):
        return []
    return (await tx.session.scalars(select(Webhook).where(Webhook.state == ENABLED).order_by(Webhook.id))).all()


async def every(tx: Tx) -> Sequence[Webhook]:
    """All webhooks."""
    return (await tx.session.scalars(select(Webhook).order_by(Webhook.id))).all()


async def find(tx: Tx, id: UUID) -> Webhook | None:
    """The webhook."""
    return (await tx.session.scalars(select(Webhook).where(Webhook.id == id))).one_or_none()


async def delivery(tx: Tx, id: str | UUID) -> WebhookDelivery | None:
    """The delivery, held until the end of the transaction."""
    key = id if isinstance(id, UUID) else UUID(id)
    query = select(WebhookDelivery).where(WebhookDelivery.id == key).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def ended_between(
    tx: Tx, webhook_id: UUID, start: datetime, end: datetime, *, undelivered_only: bool, most: int
) -> Sequence[WebhookDelivery]:
    """Deliveries that came to an end and whose events happened in the period, oldest first."""
    states = (DEAD,) if undelivered_only else (DEAD, DELIVERED)
    query = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.webhook_id == webhook_id,
            WebhookDelivery.state.in_(states),
            WebhookDelivery.occur_time >= start,
            WebhookDelivery.occur_time < end,
        )
        .order_by(WebhookDelivery.occur_time, WebhookDelivery.id)
        .limit(most)
    )
    return (await tx.session.scalars(query)).all()


async def note_success(tx: Tx, webhook_id: UUID, now: datetime) -> None:
    """The webhook works. Written without a new version, since many deliveries end at once."""
    query = update(Webhook).where(Webhook.id == webhook_id).values(success_time=now, fail_time=None)
    await tx.session.execute(query.execution_options(synchronize_session=False))


async def note_failure(tx: Tx, webhook_id: UUID, now: datetime) -> datetime | None:
    """Since when the webhook has failed without a success between."""
    query = (
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(fail_time=func.coalesce(Webhook.fail_time, now))
        .returning(Webhook.fail_time)
    )
    return await tx.session.scalar(query.execution_options(synchronize_session=False))


async def abandon_pending(tx: Tx, webhook_id: UUID, reason: str) -> None:
    """Everything that waits for the webhook is dead."""
    query = (
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == PENDING)
        .values(
            state=DEAD,
            next_time=None,
            last_error=reason,
            update_time=tx.now(),
            row_version=WebhookDelivery.row_version + 1,
        )
    )
    await tx.session.execute(query.execution_options(synchronize_session=False))


async def forget_deliveries(tx: Tx, webhook_id: UUID) -> None:
    """Removes all deliveries of a webhook."""
    query = delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    await tx.session.execute(query.execution_options(synchronize_session=False))


async def forget_older(tx: Tx, before: datetime) -> None:
    """Removes what ended before a time; it holds personal data and must not stay for ever."""
    query = delete(WebhookDelivery).where(WebhookDelivery.create_time < before, WebhookDelivery.state != PENDING)
    await tx.session.execute(query.execution_options(synchronize_session=False))
