"""The server delivers what webhooks ask for and nothing else, whoever asks at the same moment or starts meanwhile."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from support.gateway import Company, found_company
from tercet.chassis.v1 import maintenance_service_pb2 as maintenance
from tercet.gateway.v1 import webhook_service_pb2 as pb
from tercet.gateway.v1.unit_service_pb2 import CreateUnitRequest, Unit
from tercet_chassis.broker import stream_name
from tercet_chassis.consumers import promised
from tercet_chassis.database import NOBODY
from tercet_chassis.ids import new_id
from tercet_chassis.runtime import Runtime
from tercet_chassis.service import SERVICES
from tercet_chassis.testing import eventually
from tercet_gateway.webhooks.hearing import hear
from tercet_gateway.webhooks.jobs import narrow_hearing_late
from tercet_gateway.webhooks.rules import subjects_of

MARKS = "SELECT event_id FROM inbox JOIN outbox USING (event_id) WHERE inbox.consumer = $1 AND outbox.tenant_id = $2"
CONSUMER = "webhooks.record_deliveries"


@pytest.fixture
async def runtime(company: Company) -> Runtime:
    """The gateway while no webhook has ever asked for anything, but its first company is through."""
    runtime = company.admin.running.runtime
    await company.admin.settled()
    await _sql(runtime, "DELETE FROM heard_subjects")
    await _listen(runtime)
    return runtime


async def _sql(runtime: Runtime, statement: str, *values: object) -> list[UUID]:
    async with runtime.database.begun(NOBODY) as statements:
        return [row[0] for row in await statements.fetch(statement, *values)]


async def _listen(runtime: Runtime) -> None:
    async with runtime.database.begun(NOBODY) as statements:
        await runtime.dispatcher.listen(statements)


async def _delivered(runtime: Runtime, source: str) -> set[str]:
    found = await runtime.broker.jetstream.consumer_info(stream_name(source), "tercet-gateway")
    return set(found.config.filter_subjects or [found.config.filter_subject])


async def _hook(company: Company, *patterns: str) -> pb.Webhook:
    hook = pb.Webhook(name=str(new_id()), url="http://127.0.0.1:9/", role_code="admin", event_patterns=patterns)
    made: pb.Webhook = await company.admin.CreateWebhook(pb.CreateWebhookRequest(webhook=hook))
    return made


async def test_what_webhooks_ask_for_at_one_moment_is_all_delivered(company: Company, runtime: Runtime) -> None:
    assert await _delivered(runtime, "sales") == {"tercet.sales.nothing"}
    # More at once than the pool has connections.
    asked = [f"sales.{kind}.*" for kind in ("order", "quote", "payment")] * 6
    first, *_ = await asyncio.gather(*(_hook(company, pattern) for pattern in asked))
    kinds = {f"tercet.sales.{kind}.>" for kind in ("order", "quote", "payment")}
    assert await _delivered(runtime, "sales") == kinds
    # As a replica that starts, and a webhook of before that now asks for more.
    await _listen(runtime)
    assert await _delivered(runtime, "sales") == kinds
    hook = pb.Webhook(id=first.id, event_patterns=["sales"])
    await company.admin.UpdateWebhook(pb.UpdateWebhookRequest(webhook=hook, update_mask={"paths": ["event_patterns"]}))
    assert await _delivered(runtime, "sales") == {"tercet.sales.>"}
    assert await _delivered(runtime, "service-desk") == {"tercet.servicedesk.nothing"}


async def test_what_no_webhook_of_any_company_asks_for_any_more_is_not_delivered(
    company: Company, runtime: Runtime
) -> None:
    async def delivers(*kinds: str) -> None:
        async def so() -> bool:
            return await _delivered(runtime, "sales") == {f"tercet.sales.{kind}" for kind in kinds}

        await eventually(so, hint=f"{kinds} are not what is delivered")

    other = await found_company(company.system)
    mine, theirs = await _hook(company, "sales.order.*", "sales.quote.*"), await _hook(other, "sales.order.*")
    await delivers("order.>", "quote.>")
    hook = pb.Webhook(id=mine.id, event_patterns=["sales.order.created", "sales.payment.*"])
    await company.admin.UpdateWebhook(pb.UpdateWebhookRequest(webhook=hook, update_mask={"paths": ["event_patterns"]}))
    await delivers("order.>", "payment.>")
    await company.admin.DeleteWebhook(pb.DeleteWebhookRequest(id=mine.id))
    await delivers("order.>")
    await other.admin.DeleteWebhook(pb.DeleteWebhookRequest(id=theirs.id))
    await delivers("nothing")
    # Asked for by a webhook that did not come to be after all, as when its process dies.
    async with company.admin.transaction() as tx:
        await hear(tx, new_id(), ["sales.quote.*"])
    await delivers("quote.>")
    async with company.admin.transaction() as tx:
        await narrow_hearing_late(tx)
    await delivers("nothing")


async def test_no_event_is_missed_while_the_last_that_asked_for_its_kind_is_struck_out(
    company: Company, runtime: Runtime
) -> None:
    # As another webhook's last moment: its row is gone, the server's list is made without it, nothing is committed.
    async with company.admin.transaction() as tx:
        await hear(tx, new_id(), ["gateway.unit.*"])
    async with runtime.database.begun(NOBODY) as statements:
        await statements.fetch("DELETE FROM heard_subjects")
        await runtime.dispatcher.listen(statements)
        asks = asyncio.create_task(_hook(company, "gateway.unit.*"))
        # Whoever asks now waits until it is known what is left; who did not wait would be through by then.
        await asyncio.wait({asks}, timeout=1)
    await asks
    assert "tercet.gateway.unit.>" in await _delivered(runtime, "gateway")
    unit = Unit(code="team", name="队", parent_id=company.root_id, type=Unit.TEAM)
    made = await company.admin.CreateUnit(CreateUnitRequest(unit=unit))
    statement = "SELECT event_id FROM inbox JOIN outbox USING (event_id) WHERE consumer = $1 AND resource_id = $2"

    async def marked() -> bool:
        return bool(await _sql(runtime, statement, CONSUMER, UUID(made.id)))

    await eventually(marked, hint="the unit was missed")


async def test_events_that_were_asked_for_are_marked_and_missed_where_they_are_not(
    company: Company, runtime: Runtime
) -> None:
    async def unit(code: str) -> None:
        unit = Unit(code=code, name=code, parent_id=company.root_id, type=Unit.TEAM)
        await company.admin.CreateUnit(CreateUnitRequest(unit=unit))
        await company.admin.settled()

    async def marks() -> int:
        return len(await _sql(runtime, MARKS, CONSUMER, company.tenant_id))

    async def one_more() -> bool:
        return await marks() == before + 1

    async def missing() -> int:
        found = await company.admin.CheckInvariants(maintenance.CheckInvariantsRequest())
        return sum(one.broken_count for one in found.findings if one.invariant == "events.of_gateway_applied")

    before = await marks()
    await _hook(company, "gateway.unit.created")
    await unit("heard")
    await eventually(one_more)
    assert await missing() == 0
    await _sql(runtime, "DELETE FROM inbox WHERE consumer = $1", CONSUMER)
    assert await missing() == 0, "what is so fresh may have come before"
    # The same as if they had been asked for an hour ago: then neither of the company's units may be missing.
    hour_ago = UUID(int=new_id().int - (3_600_000 << 80))
    await _sql(runtime, "UPDATE heard_subjects SET id = $1 WHERE subject = 'tercet.gateway.unit.>'", hour_ago)
    assert await missing() == 2


@pytest.mark.parametrize(
    ("patterns", "subjects"),
    [
        (["leads.lead.created", "leads.lead.*"], {"tercet.leads.lead.>"}),
        (["service-desk.ticket.*"], {"tercet.servicedesk.ticket.>"}),
        (["sales"], {"tercet.sales.>"}),
        (["*.order.*"], {f"tercet.{name.replace('-', '')}.order.>" for name in SERVICES}),
        (["*"], {f"tercet.{name.replace('-', '')}.>" for name in SERVICES}),
    ],
)
def test_patterns_become_subjects_by_kind_of_resource(patterns: list[str], subjects: set[str]) -> None:
    assert subjects_of(patterns, SERVICES) == subjects


@pytest.mark.parametrize(
    ("subject", "later", "expected"),
    [
        ("tercet.leads.lead.created.v1", 61_000, True),
        ("tercet.leads.lead.created.v1", 59_000, False),
        ("tercet.leads.lead_source.created.v1", 61_000, False),
    ],
)
def test_an_event_is_promised_once_clocks_cannot_differ_so_much(subject: str, later: int, expected: bool) -> None:
    since = new_id()
    assert promised({"tercet.leads.lead.>": since}, subject, UUID(int=since.int + (later << 80))) is expected
