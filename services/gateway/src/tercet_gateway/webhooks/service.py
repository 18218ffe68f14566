"""Webhooks: what may be asked for is checked when it is asked for, not when an event comes."""

from __future__ import annotations

from datetime import UTC
from typing import cast

from google.protobuf.empty_pb2 import Empty

from tercet.gateway.v1 import webhook_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.outbound import check_url
from tercet_chassis.sealing import sealer_of
from tercet_gateway.roles import store as roles
from tercet_gateway.roles.errors import RoleUnknown
from tercet_gateway.roles.giving import check_giving
from tercet_gateway.roles.model import Role
from tercet_gateway.webhooks import store
from tercet_gateway.webhooks.errors import (
    NoSuchEvent,
    PeriodReversed,
    ReplayTooLarge,
    RoleHearsNothing,
    WebhookAddressForbidden,
)
from tercet_gateway.webhooks.events import compiled, known_events
from tercet_gateway.webhooks.hearing import hear
from tercet_gateway.webhooks.jobs import attempt_delivery, narrow_soon, turn_off
from tercet_gateway.webhooks.model import Webhook, WebhookDelivery
from tercet_gateway.webhooks.rules import SEALED_FOR, chosen, may_hear

MOST_REPLAYED = 5_000


class WebhookService(Handlers):
    """Serves tercet.gateway.v1.WebhookService."""

    async def CreateWebhook(self, request: pb.CreateWebhookRequest, tx: Tx) -> pb.Webhook:
        """Makes a webhook and shows its secret once. Refuses addresses, patterns, filters and roles that do not do."""
        hook = await tx.create(Webhook, request.webhook)
        secret = hook.rotate_secret(tx.now(), sealer_of(tx.runtime, SEALED_FOR).seal)
        await tx.flush()
        await _check(tx, hook)
        return _shown(tx, hook, secret)

    async def UpdateWebhook(self, request: pb.UpdateWebhookRequest, tx: Tx) -> Webhook:
        """Changes a webhook. Refuses as CreateWebhook does, and a webhook whose role goes beyond the caller's own."""
        hook = await tx.get(Webhook, request.webhook.id, etag=request.webhook.etag)
        await _check_power(tx, hook)
        patterns = list(hook.event_patterns)
        await tx.patch(hook, request.webhook, request.update_mask)
        await tx.flush()
        await _check(tx, hook)
        if patterns != hook.event_patterns:
            narrow_soon(tx, hook.id)
        return hook

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, tx: Tx) -> Empty:
        """Removes a webhook with all that was recorded for it."""
        hook = await tx.get(Webhook, request.id, etag=request.etag)
        await store.forget_deliveries(tx, hook.id)
        await tx.delete(hook)
        narrow_soon(tx, hook.id)
        return Empty()

    async def EnableWebhook(self, request: pb.EnableWebhookRequest, tx: Tx) -> Webhook:
        """Turns it on. Refuses one whose role goes beyond the caller's own."""
        hook = await tx.get(Webhook, request.id, etag=request.etag)
        await _check_power(tx, hook)
        hook.enable()
        return hook

    async def DisableWebhook(self, request: pb.DisableWebhookRequest, tx: Tx) -> Webhook:
        """Turns it off and gives up what waits."""
        hook = await tx.get(Webhook, request.id, etag=request.etag)
        await turn_off(tx, hook.id, "turned off by hand")
        return hook

    async def RotateWebhookSecret(self, request: pb.RotateWebhookSecretRequest, tx: Tx) -> pb.Webhook:
        """A new secret, shown once; the old one signs for a day beside it."""
        hook = await tx.get(Webhook, request.id, etag=request.etag)
        await _check_power(tx, hook)
        secret = hook.rotate_secret(tx.now(), sealer_of(tx.runtime, SEALED_FOR).seal)
        await tx.flush()
        return _shown(tx, hook, secret)

    async def ReplayWebhook(self, request: pb.ReplayWebhookRequest, tx: Tx) -> pb.ReplayWebhookResponse:
        """Sends a period's deliveries again. Refuses while the webhook is off, and more than 5,000 at once."""
        hook = await tx.get(Webhook, request.id)
        hook.check_enabled()
        start = request.start_time.ToDatetime(tzinfo=UTC)
        end = request.end_time.ToDatetime(tzinfo=UTC) if request.HasField("end_time") else tx.now()
        if end < start:
            raise PeriodReversed
        found = await store.ended_between(
            tx, hook.id, start, end, undelivered_only=request.undelivered_only, most=MOST_REPLAYED + 1
        )
        if len(found) > MOST_REPLAYED:
            raise ReplayTooLarge(most=MOST_REPLAYED)
        for delivery in found:
            _again(tx, delivery)
        return pb.ReplayWebhookResponse(count=len(found))

    async def GetWebhookDelivery(self, request: pb.GetWebhookDeliveryRequest, tx: Tx) -> pb.WebhookDelivery:
        """One delivery, with its body for whoever may read what it tells of."""
        return _told(tx, cast(pb.WebhookDelivery, tx.render(await tx.get(WebhookDelivery, request.id))))

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, tx: Tx
    ) -> pb.ListWebhookDeliveriesResponse:
        """A page of deliveries, each with its body for whoever may read what it tells of."""
        answer = await tx.page(WebhookDelivery, request, response=pb.ListWebhookDeliveriesResponse)
        page = cast(pb.ListWebhookDeliveriesResponse, answer)
        for delivery in page.webhook_deliveries:
            _told(tx, delivery)
        return page

    async def RetryWebhookDelivery(self, request: pb.RetryWebhookDeliveryRequest, tx: Tx) -> pb.WebhookDelivery:
        """Sends one delivery again. Refuses one that still waits, and while the webhook is off."""
        delivery = await tx.get(WebhookDelivery, request.id, etag=request.etag, lock=True)
        hook = await store.find(tx, delivery.webhook_id)
        if hook is not None:
            hook.check_enabled()
        _again(tx, delivery)
        await tx.flush()
        return _told(tx, cast(pb.WebhookDelivery, tx.render(delivery)))


def _told(tx: Tx, delivery: pb.WebhookDelivery) -> pb.WebhookDelivery:
    """Without its body for a caller who could not hear the event themselves."""
    if not may_hear(tx.principal.grants, delivery.event_name):
        delivery.ClearField("body")
    return delivery


def _again(tx: Tx, delivery: WebhookDelivery) -> None:
    delivery.revive(tx.now())
    tx.schedule(attempt_delivery, due=tx.now(), key=str(delivery.id), delivery_id=str(delivery.id))


def _shown(tx: Tx, hook: Webhook, secret: str) -> pb.Webhook:
    message = cast(pb.Webhook, tx.render(hook))
    message.secret = secret
    return message


async def _check(tx: Tx, hook: Webhook) -> None:
    check_url(hook.url, allow_private=tx.runtime.settings.development, forbidden=WebhookAddressForbidden)
    events = known_events()
    for pattern in hook.event_patterns:
        if not any(chosen([pattern], name) for name in events):
            raise NoSuchEvent(pattern=pattern)
    role = await _check_power(tx, hook)
    heard = [name for name in events if chosen(hook.event_patterns, name) and may_hear(role.held_grants(), name)]
    if not heard:
        raise RoleHearsNothing(role_code=hook.role_code)
    if hook.filter:
        for name in heard:
            compiled(name, hook.filter, frozenset(role.masks), tx.principal.zone or "UTC")
    await hear(tx, hook.id, hook.event_patterns)


async def _check_power(tx: Tx, hook: Webhook) -> Role:
    role = (await roles.by_codes(tx, [hook.role_code])).get(hook.role_code)
    if role is None:
        raise RoleUnknown(role_code=hook.role_code)
    check_giving(tx.principal, role.held_grants(), role.masks)
    return role
