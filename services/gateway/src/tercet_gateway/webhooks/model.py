"""Webhooks and their deliveries as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Searchable, column, index, unique
from tercet_gateway.webhooks.errors import DeliveryWaits, WebhookIsOff
from tercet_gateway.webhooks.rules import BOTH_SIGN, delay_after, new_secret

ENABLED, DISABLED = "ENABLED", "DISABLED"
Seal = Callable[[str, str], str]  # (text, the row's id) -> text
PENDING, DELIVERED, DEAD = "PENDING", "DELIVERED", "DEAD"


class Webhook(Searchable, Entity):
    """An address that is told what happens. `secrets` holds `{sealed, until}`, the newest first, never in clear."""

    __tablename__ = "webhooks"
    __table_args__ = (unique("webhooks_by_name", "name", field="webhook.name"), index("webhooks_by_state", "state"))

    name: Mapped[str]
    url: Mapped[str]
    event_patterns: Mapped[list[str]] = column(default=list)
    filter: Mapped[str] = column(default="")
    role_code: Mapped[str]
    state: Mapped[str] = column(default=ENABLED)
    disable_reason: Mapped[str] = column(default="")
    fail_time: Mapped[datetime | None]
    success_time: Mapped[datetime | None]
    secrets: Mapped[list[Any]] = column(default=list)

    def rotate_secret(self, now: datetime, seal: Seal) -> str:
        """A new secret; the one before signs for a day beside it."""
        fresh = new_secret()
        until = (now + BOTH_SIGN).isoformat()
        before = (self.secrets or [])[:1]
        sealed = {"sealed": seal(fresh, str(self.id)), "until": None}
        self.secrets = [sealed, *({**old, "until": until} for old in before)]
        return fresh

    def signing_secrets(self, now: datetime, unseal: Seal) -> list[str]:
        """The secrets that sign now."""
        return [
            unseal(kept["sealed"], str(self.id))
            for kept in self.secrets
            if kept["until"] is None or datetime.fromisoformat(kept["until"]) > now
        ]

    def seal_anew(self, unseal: Seal, seal: Seal) -> None:
        """The same secrets under the key that seals now."""
        own = str(self.id)
        self.secrets = [{**kept, "sealed": seal(unseal(kept["sealed"], own), own)} for kept in self.secrets]

    def enable(self) -> None:
        """On again, with a clean slate."""
        self.state, self.disable_reason, self.fail_time = ENABLED, "", None

    def disable(self, reason: str) -> bool:
        """Off; False when it was off already."""
        if self.state == DISABLED:
            return False
        self.state, self.disable_reason = DISABLED, reason
        return True

    def check_enabled(self) -> None:
        """Refuses what needs the webhook to be on."""
        if self.state != ENABLED:
            raise WebhookIsOff(name=self.name)


class HeardSubject(Entity):
    """Events that a webhook asks for; the oldest row of a subject tells since when they are delivered. The rows belong
    to nobody, since all tenants' events come by one way; what asks is named with its tenant, and may never have come to
    be.
    """

    __tablename__ = "heard_subjects"
    __table_args__ = (
        unique("heard_subjects_once", "webhook_id", "subject", field="webhook.event_patterns"),
        index("heard_subjects_by_tenant", "webhook_tenant_id"),
    )
    __message__ = None

    subject: Mapped[str]
    webhook_id: Mapped[UUID]
    webhook_tenant_id: Mapped[UUID]


class WebhookDelivery(Entity):
    """One event for one webhook."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        unique("webhook_deliveries_once", "webhook_id", "event_id"),
        index("webhook_deliveries_by_time", "webhook_id", "occur_time"),
        index("webhook_deliveries_by_state", "webhook_id", "state"),
        index("webhook_deliveries_by_age", "create_time"),
    )

    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event_name: Mapped[str]
    occur_time: Mapped[datetime]
    state: Mapped[str] = column(default=PENDING)
    attempts: Mapped[int] = column(default=0)
    next_time: Mapped[datetime | None]
    last_time: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str] = column(default="")
    body: Mapped[str]

    def succeed(self, now: datetime, status: int) -> None:
        """The receiver took it."""
        self._attempted(now, status, "")
        self.state, self.next_time = DELIVERED, None

    def fail(self, now: datetime, status: int | None, error: str) -> None:
        """An attempt failed: the next one is set, or it is dead after the last."""
        self._attempted(now, status, error)
        delay = delay_after(self.attempts, self.id)
        self.next_time = None if delay is None else now + delay
        if delay is None:
            self.state = DEAD

    def give_up(self, reason: str) -> None:
        """Dead without another attempt."""
        self.state, self.next_time, self.last_error = DEAD, None, reason

    def revive(self, now: datetime) -> None:
        """Waits again with all its attempts. Refuses one that waits already."""
        if self.state == PENDING:
            raise DeliveryWaits(id=self.id)
        self.state, self.attempts, self.next_time = PENDING, 0, now

    def _attempted(self, now: datetime, status: int | None, error: str) -> None:
        self.attempts += 1
        self.last_time, self.last_status, self.last_error = now, status, error[:500]
