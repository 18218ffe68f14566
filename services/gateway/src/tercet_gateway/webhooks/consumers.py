"""Events that webhooks may want pass here; what one asked for is recorded and sent."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from tercet_chassis import Event, Tx, effect
from tercet_gateway.roles import store as roles
from tercet_gateway.roles.model import Role
from tercet_gateway.tenants import store as tenants
from tercet_gateway.webhooks import store
from tercet_gateway.webhooks.errors import FilterDoesNotFit
from tercet_gateway.webhooks.events import body_of, compiled, resource_json
from tercet_gateway.webhooks.hearing import heard
from tercet_gateway.webhooks.jobs import attempt_delivery
from tercet_gateway.webhooks.model import Webhook, WebhookDelivery
from tercet_gateway.webhooks.rules import chosen, event_name, may_hear


@effect(asked=heard)
async def record_deliveries(events: Sequence[Event[Message]], tx: Tx) -> None:
    """Records each event for each webhook whose patterns, role and filter let it through, and has it sent."""
    hooks = await store.enabled(tx)
    if not hooks:
        return
    known = await roles.by_codes(tx, [hook.role_code for hook in hooks])
    for event in events:
        name = event_name(event.meta.subject)
        for hook in hooks:
            role = known.get(hook.role_code)
            if role is None or not chosen(hook.event_patterns, name) or not may_hear(role.held_grants(), name):
                continue
            if await _fits(hook, role, event, tx):
                _record(hook, role, event, tx)


def _record(hook: Webhook, role: Role, event: Event[Message], tx: Tx) -> None:
    delivery = tx.add(
        WebhookDelivery(
            webhook_id=hook.id,
            event_id=event.meta.id,
            event_name=event_name(event.meta.subject),
            occur_time=event.meta.occur_time,
            next_time=tx.now(),
            body=body_of(event.message, event.meta, frozenset(role.masks)),
        )
    )
    tx.schedule(attempt_delivery, due=tx.now(), key=str(delivery.id), delivery_id=str(delivery.id))


async def _fits(hook: Webhook, role: Role, event: Event[Message], tx: Tx) -> bool:
    if not hook.filter:
        return True
    tenant = await tenants.own(tx)
    resource = resource_json(event.message)
    if resource is None:
        return False
    try:
        judge = compiled(
            event_name(event.meta.subject), hook.filter, frozenset(role.masks), tenant.zone if tenant else "UTC"
        )
    except FilterDoesNotFit:
        # The role's masks or the contract have changed since: a value that may not be asked for lets nothing through.
        return False
    return judge(resource, tx.now())
