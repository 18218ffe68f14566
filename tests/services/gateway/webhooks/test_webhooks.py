"""Webhooks against a real receiver: told once it asks, signed, masked, filtered, tried again, replayed, turned off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text, update
from standardwebhooks import Webhook as Verifier

from support.gateway import Company, found_company
from tercet.gateway.v1 import webhook_service_pb2 as pb
from tercet.gateway.v1.role_service_pb2 import CreateRoleRequest, Role
from tercet.gateway.v1.unit_service_pb2 import CreateUnitRequest, Unit
from tercet.options.v1.options_pb2 import EMAIL, NAME
from tercet_chassis.sealing import Sealer
from tercet_chassis.testing import Client, eventually, refused
from tercet_gateway.webhooks import store
from tercet_gateway.webhooks.jobs import seal_secrets_anew
from tercet_gateway.webhooks.model import Webhook as Row
from tercet_gateway.webhooks.rules import SEALED_FOR


@dataclass
class Receiver:
    """A real HTTP server that keeps what it is told and answers as it is told to."""

    port: int = 0
    status: int = 204
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    extra: str = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.seen.append((headers, body))
        writer.write(f"HTTP/1.1 {self.status} X\r\n{self.extra}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def bodies(self) -> list[dict[str, Any]]:
        """What was told."""
        return [json.loads(body) for _, body in self.seen]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def _hook(company: Company, receiver: Receiver, *patterns: str, **values: Any) -> pb.Webhook:
    # What is still on its way from before, such as the company's first unit, would be told too.
    await company.admin.settled()
    values = {"name": "erp", "url": receiver.url, "role_code": "admin", **values}
    hook = pb.Webhook(event_patterns=patterns or ("gateway.unit.*",), **values)
    made: pb.Webhook = await company.admin.CreateWebhook(pb.CreateWebhookRequest(webhook=hook))
    return made


async def _unit(company: Company, code: str, **values: Any) -> Unit:
    unit = Unit(code=code, name=code, parent_id=company.root_id, type=values.pop("type", Unit.TEAM), **values)
    made: Unit = await company.admin.CreateUnit(CreateUnitRequest(unit=unit))
    return made


async def _deliveries(company: Company, *, filter: str = "") -> list[pb.WebhookDelivery]:
    page = await company.admin.ListWebhookDeliveries(
        pb.ListWebhookDeliveriesRequest(filter=filter, order_by="occur_time")
    )
    return list(page.webhook_deliveries)


async def _states(company: Company, *states: int) -> list[pb.WebhookDelivery]:
    async def there() -> list[pb.WebhookDelivery] | None:
        found = await _deliveries(company)
        return found if [delivery.state for delivery in found] == list(states) else None

    found: list[pb.WebhookDelivery] = await eventually(there)
    return found


async def _failed_once(company: Company) -> pb.WebhookDelivery:
    async def there() -> pb.WebhookDelivery | None:
        found = await _deliveries(company)
        return found[0] if found and found[0].attempts else None

    found: pb.WebhookDelivery = await eventually(there)
    return found


async def test_event_is_told_signed_as_the_specification_says(company: Company, receiver: Receiver) -> None:
    hook = await _hook(company, receiver)
    assert hook.secret.startswith("whsec_")
    unit = await _unit(company, "team-1", territories=["浙江省"])
    [delivery] = await _states(company, pb.WebhookDelivery.DELIVERED)
    [(headers, body)] = receiver.seen
    told = Verifier(hook.secret).verify(body, headers)
    assert (told["type"], told["data"]["unit"]["id"], told["version"]) == ("gateway.unit.created", unit.id, 1)
    assert told["data"]["unit"]["territories"] == ["浙江省"]
    assert headers["webhook-id"] == delivery.event_id == told["id"]
    assert (delivery.last_status, delivery.attempts, delivery.last_error) == (204, 1, "")
    found = await company.admin.GetWebhook(pb.GetWebhookRequest(id=hook.id))
    assert found.secret == ""
    assert found.HasField("success_time")


async def test_only_chosen_events_of_the_own_tenant_are_told(
    gateway: Client, company: Company, receiver: Receiver
) -> None:
    other = await found_company(gateway)
    await _hook(company, receiver, "gateway.unit.created", filter='type = STORE AND name = "上海店"')
    await _unit(company, "team")
    await _unit(other, "elsewhere")
    await company.admin.CreateUnit(
        CreateUnitRequest(unit=Unit(code="sh", name="上海店", type=Unit.STORE, parent_id=company.root_id))
    )
    await company.admin.settled()
    await _states(company, pb.WebhookDelivery.DELIVERED)
    assert [told["data"]["unit"]["code"] for told in receiver.bodies()] == ["sh"]


async def test_masks_of_the_role_hold_outside_too(company: Company, receiver: Receiver) -> None:
    role = Role(code="outside", name="outside", masks=[EMAIL, NAME])
    role.grants.add(permission="*.*.read", scope=Role.ALL)
    await company.admin.CreateRole(CreateRoleRequest(role=role))
    await _hook(company, receiver, "gateway.user.created", role_code="outside")
    await company.user("liming@shangqi.example", "seller")
    await _states(company, pb.WebhookDelivery.DELIVERED)
    [told] = receiver.bodies()
    assert told["data"]["user"]["email"] == "l***@shangqi.example"
    assert "liming" not in json.dumps(told)
    with refused("FILTER_DOES_NOT_FIT", "webhook.filter"):
        await _hook(
            company, receiver, "gateway.user.created", role_code="outside", name="peek", filter='email = "a@b.c"'
        )


async def test_failure_is_tried_again_and_then_taken(company: Company, receiver: Receiver) -> None:
    receiver.status = 503
    await _hook(company, receiver)
    await _unit(company, "team")
    first = await _failed_once(company)
    assert (first.state, first.last_status, first.last_error) == (pb.WebhookDelivery.PENDING, 503, "answered 503")
    wait = first.next_time.ToDatetime() - first.last_time.ToDatetime()
    assert timedelta(seconds=4) < wait < timedelta(seconds=6)
    receiver.status = 200
    [taken] = await _states(company, pb.WebhookDelivery.DELIVERED)
    assert (taken.attempts, taken.last_status) == (2, 200)
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1


async def test_a_day_of_failures_makes_a_dead_letter_that_can_be_sent_again(
    company: Company, receiver: Receiver
) -> None:
    receiver.status = 500
    await _hook(company, receiver)
    await _unit(company, "team")
    failed = await _failed_once(company)
    runtime = company.admin.running.runtime
    try:
        for attempts in range(2, 14):
            runtime.clock.advance(max(runtime.clock.now(), failed.next_time.ToDatetime(UTC)) + timedelta(seconds=1))
            runtime.wake_jobs()

            async def tried(made: int = attempts) -> pb.WebhookDelivery | None:
                [found] = await _deliveries(company)
                return found if found.attempts == made else None

            failed = await eventually(tried)
        assert (failed.state, failed.HasField("next_time")) == (pb.WebhookDelivery.DEAD, False)
        [dead] = await _deliveries(company, filter="state = DEAD")
        assert dead.id == failed.id
        receiver.status = 200
        await company.admin.RetryWebhookDelivery(pb.RetryWebhookDeliveryRequest(id=dead.id))
        [taken] = await _states(company, pb.WebhookDelivery.DELIVERED)
    finally:
        runtime.clock.release()
    assert (taken.attempts, len(receiver.seen)) == (1, 14)


async def test_redirects_are_not_followed(company: Company, receiver: Receiver) -> None:
    receiver.status, receiver.extra = 302, f"location: http://localhost:{receiver.port}/\r\n"
    await _hook(company, receiver)
    await _unit(company, "team")
    failed = await _failed_once(company)
    assert failed.last_status == 302
    assert {headers["host"] for headers, _ in receiver.seen} == {f"127.0.0.1:{receiver.port}"}
    assert "redirects are not followed" in failed.last_error


async def test_turned_off_by_hand_gives_up_what_waits_and_can_be_replayed(company: Company, receiver: Receiver) -> None:
    receiver.status = 500
    hook = await _hook(company, receiver)
    await _unit(company, "team")
    failed = await _failed_once(company)
    with refused("DELIVERY_WAITS", "id"):
        await company.admin.RetryWebhookDelivery(pb.RetryWebhookDeliveryRequest(id=failed.id))
    off = await company.admin.DisableWebhook(pb.DisableWebhookRequest(id=hook.id))
    assert (off.state, off.disable_reason) == (pb.Webhook.DISABLED, "turned off by hand")
    [dead] = await _states(company, pb.WebhookDelivery.DEAD)
    start = Timestamp()
    start.FromDatetime(dead.occur_time.ToDatetime() - timedelta(minutes=1))
    for call in (
        company.admin.RetryWebhookDelivery(pb.RetryWebhookDeliveryRequest(id=dead.id)),
        company.admin.ReplayWebhook(pb.ReplayWebhookRequest(id=hook.id, start_time=start)),
    ):
        with refused("WEBHOOK_IS_OFF", "id"):
            await call
    await _unit(company, "unheard")
    await company.admin.settled()
    assert len(await _deliveries(company)) == 1
    receiver.status = 200
    await company.admin.EnableWebhook(pb.EnableWebhookRequest(id=hook.id))
    replayed = await company.admin.ReplayWebhook(
        pb.ReplayWebhookRequest(id=hook.id, start_time=start, undelivered_only=True)
    )
    assert replayed.count == 1
    await _states(company, pb.WebhookDelivery.DELIVERED)
    again = await company.admin.ReplayWebhook(
        pb.ReplayWebhookRequest(id=hook.id, start_time=start, undelivered_only=True)
    )
    assert again.count == 0
    with refused("PERIOD_REVERSED", "end_time"):
        await company.admin.ReplayWebhook(
            pb.ReplayWebhookRequest(id=hook.id, start_time=dead.occur_time, end_time=start)
        )


async def test_five_days_of_failure_turn_it_off_and_say_so(company: Company, receiver: Receiver) -> None:
    receiver.status = 500
    hook = await _hook(company, receiver)
    watcher = Receiver()
    server = await asyncio.start_server(watcher.serve, "127.0.0.1", 0)
    watcher.port = server.sockets[0].getsockname()[1]
    async with server:
        await _hook(company, watcher, "gateway.webhook.disabled", name="watcher")
        async with company.admin.transaction() as tx:
            long_ago = tx.now() - timedelta(days=6)
            await tx.session.execute(update(Row).where(Row.name == "erp").values(fail_time=long_ago))
        await _unit(company, "team")

        async def told() -> list[dict[str, Any]]:
            return watcher.bodies()

        [notice] = await eventually(told)
    assert notice["type"] == "gateway.webhook.disabled"
    assert notice["data"]["webhook"]["id"] == hook.id
    assert notice["data"]["webhook"]["disable_reason"] == "five days without a success"
    off = await company.admin.GetWebhook(pb.GetWebhookRequest(id=hook.id))
    assert off.state == pb.Webhook.DISABLED


async def test_no_signing_secret_stands_in_clear(company: Company, receiver: Receiver) -> None:
    hook = await _hook(company, receiver)
    fresh = await company.admin.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=hook.id))
    async with company.admin.transaction() as tx:
        row = (await tx.session.execute(text("SELECT to_jsonb(w)::text FROM webhooks w"))).scalar_one()
    for secret in (hook.secret, fresh.secret):
        assert secret.removeprefix("whsec_") not in row
    assert row.count('"sealed"') == 2


async def test_secrets_come_under_the_newest_key_by_themselves(company: Company, receiver: Receiver) -> None:
    hook = await _hook(company, receiver)
    async with company.admin.transaction() as tx:
        kept = await store.find(tx, UUID(hook.id))
        assert kept is not None
        old, row = kept.secrets[0]["sealed"], str(kept.id)
        settings = replace(tx.runtime.settings, encryption_keys={"k2": "n" * 32})
    sealer = Sealer(settings.encryption_keys, company.admin.running.runtime.secret, SEALED_FOR)
    runtime = company.admin.running.runtime
    before, runtime.settings = runtime.settings, settings
    try:
        async with company.admin.transaction() as tx:
            await seal_secrets_anew(tx)
        async with company.admin.transaction() as tx:
            kept = await store.find(tx, UUID(hook.id))
            assert kept is not None
            assert kept.secrets[0]["sealed"] != old
            assert sealer.is_current(kept.secrets[0]["sealed"])
            assert sealer.open(kept.secrets[0]["sealed"], row) == hook.secret
    finally:
        runtime.settings = before


async def test_filter_on_the_tenant_s_own_fields_is_refused_in_words(company: Company, receiver: Receiver) -> None:
    with refused("FILTER_NAMES_TENANTS_OWN", "webhook.filter"):
        await _hook(company, receiver, "leads.lead.*", filter='custom.size = "large"')


async def test_rotated_secret_signs_beside_the_old_one(company: Company, receiver: Receiver) -> None:
    hook = await _hook(company, receiver)
    fresh = await company.admin.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=hook.id))
    assert fresh.secret not in ("", hook.secret)
    await _unit(company, "team")
    await _states(company, pb.WebhookDelivery.DELIVERED)
    [(headers, body)] = receiver.seen
    for secret in (hook.secret, fresh.secret):
        Verifier(secret).verify(body, headers)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"event_patterns": ["leads.nothing.created"]}, "NO_SUCH_EVENT", "webhook.event_patterns"),
        ({"filter": "type ="}, "FILTER_DOES_NOT_FIT", "webhook.filter"),
        ({"filter": "unheard_of = 1"}, "FILTER_DOES_NOT_FIT", "webhook.filter"),
        ({"url": "https://user:pw@example.com/"}, "WEBHOOK_ADDRESS_FORBIDDEN", "webhook.url"),
        ({"url": "not an address"}, "REQUEST_INVALID", "webhook.url"),
        ({"role_code": "nobody"}, "ROLE_UNKNOWN", "role_code"),
        ({"role_code": "dealer"}, "ROLE_HEARS_NOTHING", "webhook.role_code"),
        ({"event_patterns": []}, "REQUEST_INVALID", "webhook.event_patterns"),
    ],
)
async def test_malformed_webhook_names_its_field(
    company: Company, receiver: Receiver, values: dict[str, Any], reason: str, field: str
) -> None:
    hook = pb.Webhook(**{
        "name": "x", "url": receiver.url, "role_code": "admin", "event_patterns": ["gateway.unit.created"], **values
    })  # fmt: skip
    with refused(reason, field):
        await company.admin.CreateWebhook(pb.CreateWebhookRequest(webhook=hook))


async def test_nobody_listens_beyond_their_own(company: Company, receiver: Receiver) -> None:
    clerk = company.admin.as_(permissions={"gateway.webhook.*": "all"})
    hook = pb.Webhook(name="x", url=receiver.url, role_code="admin", event_patterns=["*"])
    with refused("ROLE_BEYOND_OWN"):
        await clerk.CreateWebhook(pb.CreateWebhookRequest(webhook=hook))
    made = await _hook(company, receiver)
    for call in (
        clerk.UpdateWebhook(pb.UpdateWebhookRequest(webhook=pb.Webhook(id=made.id, url="http://127.0.0.1:1/"))),
        clerk.RotateWebhookSecret(pb.RotateWebhookSecretRequest(id=made.id)),
    ):
        with refused("ROLE_BEYOND_OWN"):
            await call


async def test_another_tenant_s_webhook_and_deliveries_are_not_found(
    gateway: Client, company: Company, receiver: Receiver
) -> None:
    other = await found_company(gateway)
    made = await _hook(company, receiver)
    await _unit(company, "team")
    [delivery] = await _states(company, pb.WebhookDelivery.DELIVERED)
    for call in (
        other.admin.GetWebhook(pb.GetWebhookRequest(id=made.id)),
        other.admin.DeleteWebhook(pb.DeleteWebhookRequest(id=made.id)),
        other.admin.GetWebhookDelivery(pb.GetWebhookDeliveryRequest(id=delivery.id)),
        other.admin.RetryWebhookDelivery(pb.RetryWebhookDeliveryRequest(id=delivery.id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call
    await company.admin.DeleteWebhook(pb.DeleteWebhookRequest(id=made.id))
    assert await _deliveries(company) == []


async def test_whoever_reads_deliveries_reads_in_them_only_what_they_may_read(
    company: Company, receiver: Receiver
) -> None:
    await _hook(company, receiver, "gateway.user.created")
    await company.user("liming@shangqi.example", "seller")
    [told] = await _states(company, pb.WebhookDelivery.DELIVERED)
    assert "liming" in told.body
    permissions = {"gateway.webhook_delivery.read": "all", "gateway.webhook.*": "all", "gateway.user.read": "unit"}
    operator = company.admin.as_(permissions=permissions)
    for shown in (
        await operator.GetWebhookDelivery(pb.GetWebhookDeliveryRequest(id=told.id)),
        *(await operator.ListWebhookDeliveries(pb.ListWebhookDeliveriesRequest())).webhook_deliveries,
        await operator.RetryWebhookDelivery(pb.RetryWebhookDeliveryRequest(id=told.id)),
    ):
        assert (shown.id, shown.body) == (told.id, "")
    masked = company.admin.as_(masks=["PHONE"])
    shown = await masked.GetWebhookDelivery(pb.GetWebhookDeliveryRequest(id=told.id))
    assert "liming" not in shown.body
