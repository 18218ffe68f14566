"""The drill: a busy system is backed up, goes on, and is lost; another one begins where the backup ends."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from support.backup import back_up
from support.gateway import PASSWORD, Company
from support.leads import mobile, person
from support.rest import Person, signed_in
from support.servers import Servers
from support.system import System
from tercet_chassis.testing import Together, eventually
from tercet_local.folder import DataFolder
from tercet_local.ports import Ports
from tercet_local.postgres import Postgres

TERMINAL = {"code": "T-100", "name": "智能终端", "unit_of_measure": "台", "active": True, "tax_percent": "13"}


class Shop:
    """People at work: leads that come in and are converted, orders, tickets. Notes what was acknowledged."""

    def __init__(self, admin: Person, company: Company) -> None:
        self.admin, self.company = admin, company
        self.leads: dict[int, str] = {}
        self.closed = asyncio.Event()

    async def hand_in(self, number: int) -> dict[str, Any]:
        """One lead; the same one when it is handed in again."""
        body = {"full_name": person(number), "mobile": mobile(number), "unit_id": self.company.root_id}
        return await self.admin.post("/v1/leads", body, idempotency_key=f"drill-{number}")

    async def work(self, first: int) -> None:
        """Until the shop is closed."""
        number = first
        while not self.closed.is_set():
            lead = await self.hand_in(number)
            self.leads[number] = lead["id"]
            if number % 3 == 0:
                await self.sell(lead)
            number += 1

    async def sell(self, lead: dict[str, Any]) -> dict[str, Any]:
        """From the lead to a paid order, and a question about it."""
        await self.admin.post(f"/v1/leads/{lead['id']}:qualify", {"reason": "要报价"})
        lead = await self.admin.post(f"/v1/leads/{lead['id']}:convert")
        line = {"product_code": "T-100", "quantity": "2", "unit_price": {"currency_code": "CNY", "amount": "640.00"}}
        order = {"customer_id": lead["customer_id"], "currency_code": "CNY", "lines": [line]}
        made = await self.admin.post("/v1/orders", order)
        confirmed = await self.admin.post(f"/v1/orders/{made['id']}:confirm")
        paid = {"order_id": made["id"], "amount": confirmed["total"], "method_code": "bank"}
        await self.admin.post("/v1/payments", paid)
        about = {"subject": "怎么开票", "identity_id": lead["identity_id"], "party_id": lead["party_id"]}
        await self.admin.post("/v1/tickets", about)
        return confirmed


@asynccontextmanager
async def consumers_held(servers: Servers, service: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """No event takes effect in the service until the block ends; its other work goes on."""
    connection = await asyncpg.connect(servers.owner_dsn(service))
    await connection.execute("BEGIN; LOCK TABLE inbox IN EXCLUSIVE MODE")
    yield connection
    await connection.execute("COMMIT")
    await connection.close()


async def test_a_system_that_was_lost_goes_on_from_its_backup(
    admin: Person, company: Company, together: Together, servers: Servers, tmp_path: Path
) -> None:
    await admin.post("/v1/products", TERMINAL)
    await together.settled(20)
    shop = Shop(admin, company)
    work = [asyncio.create_task(shop.work(first)) for first in (0, 1_000)]
    archive = tmp_path / "tercet.tar"
    try:
        await eventually(lambda: len(shop.leads) > 6 or any(each.done() for each in work), 60)
        async with consumers_held(servers, "marketing") as marketing:
            handed_in = len(shop.leads)
            await eventually(lambda: len(shop.leads) > handed_in + 6 or any(each.done() for each in work), 60)
            acknowledged = dict(shop.leads)
            manifest = await back_up(servers, together.keys, archive)
            marked = await marketing.fetchval("SELECT count(*) FROM facts WHERE tenant_id = $1", company.tenant_id)
        after_backup = len(shop.leads)
        await eventually(lambda: len(shop.leads) > after_backup or any(each.done() for each in work), 60)
    finally:
        shop.closed.set()
        await asyncio.gather(*work)
    assert marked < len(acknowledged), "at the position some events had not taken effect"
    assert manifest.held_seconds < 5
    assert len(shop.leads) > len(acknowledged), "work went on meanwhile, and is lost"

    elsewhere = System(tmp_path)
    shutil.copytree(together.keys, elsewhere.folder / "keys")
    restored = ("restore", str(archive), "--data", str(elsewhere.folder))
    await asyncio.to_thread(elsewhere.run, *restored)
    await elsewhere.start()
    try:
        async with httpx2.AsyncClient(base_url=elsewhere.url, timeout=60, trust_env=False) as http:
            there = Shop(await signed_in(http, company, company.email), company)
            for id in acknowledged.values():
                assert (await there.admin.get(f"/v1/leads/{id}"))["id"] == id
            number, id = next(iter(acknowledged.items()))
            assert (await there.hand_in(number))["id"] == id, "what was sent before is known by its key"
            sold = await there.sell(await there.hand_in(2_000))
            assert sold["state"] == "CONFIRMED"
        signing_in = ("--tenant", company.code, "--email", company.email, "--password", PASSWORD)
        await asyncio.to_thread(elsewhere.run, "token", *signing_in)
        checked = json.loads(await asyncio.to_thread(elsewhere.run, "check", "--json", "--wait", "60", ok=(0, 1)))
        assert [found for found in checked["findings"] if not found["holds"]] == []
        assert await told_of_leads(elsewhere, company) == 1, "what had not taken effect did so, once"
    finally:
        elsewhere.stop()


async def told_of_leads(system: System, company: Company) -> float:
    """How many touches marketing was told of, for each lead there is."""
    folder = DataFolder(system.folder)
    info = Postgres(folder).info(Ports(folder.path / "ports.json").all()["postgres"])
    counts = []
    for service, table in (("marketing", "facts WHERE kind = 'touch' AND"), ("leads", "leads WHERE")):
        connection = await asyncpg.connect(info.owner_dsn(service))
        counts.append(await connection.fetchval(f"SELECT count(*) FROM {table} tenant_id = $1", company.tenant_id))
        await connection.close()
    return float(counts[0] / counts[1])
