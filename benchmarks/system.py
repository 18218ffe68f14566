"""The whole system on a throw-away data folder with a tenant of its own, as the benchmarks see it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import orjson

from tercet.gateway.v1.tenant_service_pb2 import Tenant
from tercet.gateway.v1.unit_service_pb2 import Unit
from tercet.gateway.v1.user_service_pb2 import User
from tercet_chassis.ids import new_id
from tercet_local.bootstrap import create_tenant
from tercet_local.folder import DataFolder
from tercet_local.ports import HOST, pick
from tercet_local.provisioning import SERVICES
from tercet_local.supervisor import Supervisor

_EMAIL, _PASSWORD = "bench@example.com", "correct-horse-battery-staple-42"


class System:
    """A running system and an administrator who is signed in."""

    def __init__(self, supervisor: Supervisor, address: str, token: str, tenant_id: str, warm_seconds: float) -> None:
        self._supervisor, self.address, self.tenant_id = supervisor, address, tenant_id
        self.warm_seconds = warm_seconds
        self.headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx2.AsyncClient(
            base_url=f"http://{address}", timeout=120, trust_env=False, headers=self.headers
        )

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """One request's JSON; raises for anything but success."""
        response = await self._client.request(method, path, **options)
        response.raise_for_status()
        return orjson.loads(response.content) if response.content else {}

    async def query(self, service: str, statement: str, *values: Any) -> Any:
        """One value from a service's database, read or written as its superuser; for seeding and for looking."""
        dsn = self._supervisor.surroundings.postgres.superuser_dsn
        database = self._supervisor.surroundings.postgres.owner_dsn(service).rpartition("/")[2].partition("?")[0]
        connection = await asyncpg.connect(dsn, database=database)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    async def waiting_events(self) -> int:
        """Events that are not yet published by leads, and published ones that some consumer has not handled."""
        unpublished = int(await self.query("leads", "SELECT count(*) FROM outbox WHERE publish_time IS NULL"))
        port = self._supervisor.surroundings.ports["nats-monitor"]
        answer = await self._client.get(f"http://{HOST}:{port}/jsz?consumers=true")
        accounts = orjson.loads(answer.content).get("account_details", [])
        streams = [stream for account in accounts for stream in account.get("stream_detail", [])]
        consumers = [consumer for stream in streams for consumer in stream.get("consumer_detail") or []]
        return unpublished + sum(int(one["num_pending"]) + int(one["num_ack_pending"]) for one in consumers)

    async def handled(self) -> dict[float, float]:
        """How many events were handled within so many seconds of their commit, all services and consumers together."""
        within: dict[float, float] = {}
        for service in SERVICES:
            port = self._supervisor.surroundings.ports[f"{service}-metrics"]
            answer = await self._client.get(f"http://{HOST}:{port}/metrics")
            for line in answer.text.splitlines():
                if line.startswith("tercet_event_seconds_bucket"):
                    labels, _, count = line.rpartition(" ")
                    bound = float(labels.rpartition('le="')[2].partition('"')[0])
                    within[bound] = within.get(bound, 0.0) + float(count)
        return within

    def memory(self) -> dict[str, tuple[int, int]]:
        """MiB of each of the five services: its part where pages are shared, so that a page counts once over all of
        them, and all it has mapped, where it counts in each.
        """
        found: dict[str, tuple[int, int]] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                held = dict(line.split(":", 1) for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
            except OSError:
                # It ended while we looked.
                continue
            if int(status["PPid"]) == os.getpid() and b"serve" in words:
                module = next(word.decode() for word in words if word.startswith(b"tercet_"))
                part, mapped = (int(held[name].split()[0]) // 1024 for name in ("Pss", "Rss"))
                found[module.removeprefix("tercet_")] = part, mapped
        return found

    def processor(self) -> dict[str, float]:
        """Seconds of processor that each service, PostgreSQL and NATS have taken so far, with all that they started."""
        lines: dict[int, tuple[int, str, float]] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                rest = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                # It ended while we looked.
                continue
            module = next((word.decode() for word in words if word.startswith(b"tercet_")), "")
            name = module.removeprefix("tercet_") or Path(words[0].decode().split(":")[0]).name
            # utime, stime and those of children that ended, in ticks.
            ticks = sum(int(rest[at]) for at in (11, 12, 13, 14))
            lines[int(folder.name)] = int(rest[1]), name, ticks / os.sysconf("SC_CLK_TCK")
        taken: dict[str, float] = {}
        for id in lines:
            above = id
            while above in lines and lines[above][0] != os.getpid():
                above = lines[above][0]
            if above in lines:
                taken[lines[above][1]] = taken.get(lines[above][1], 0.0) + lines[id][2]
        return taken

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()


@asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts everything twice, so that the second start is a warm one, and makes the tenant."""
    # What is measured is the system, not the guard at its door.
    os.environ["TERCET_EDGE_LIMITS"] = "READ=0,WRITE=0,SEARCH=0,BULK=0,SIGN_IN=0"
    with tempfile.TemporaryDirectory() as path:
        folder, port = DataFolder(path), pick()
        first = Supervisor(folder, http_port=port, log_level="WARNING")
        await first.start()
        await first.stop()
        supervisor = Supervisor(folder, http_port=port, log_level="WARNING")
        began = time.perf_counter()
        await supervisor.start()
        warm = time.perf_counter() - began
        try:
            system = await _with_tenant(supervisor, folder, f"{HOST}:{port}", warm)
            try:
                yield system
            finally:
                await system.close()
        finally:
            await supervisor.stop()


async def _with_tenant(supervisor: Supervisor, folder: DataFolder, address: str, warm: float) -> System:
    zone, currency = "Asia/Shanghai", "CNY"
    made = Tenant(code="bench", name="Bench", locale="en", zone=zone, reporting_currency=currency, region="CN")
    admin = User(email=_EMAIL, display_name="Bench", password=_PASSWORD, locale="en", zone=zone)
    root = Unit(code="bench", name="Bench", type=Unit.Type.GROUP, reporting_currency=currency, zone=zone)
    tenant_id = new_id()
    gateway = supervisor.surroundings.grpc_address("gateway")
    await create_tenant(folder.keys, gateway, tenant_id, made, admin, root)
    body = {"tenant": "bench", "email": _EMAIL, "password": _PASSWORD, "client": "benchmarks"}
    async with httpx2.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        answer = await client.post("/v1/sessions", json=body)
        answer.raise_for_status()
    system = System(supervisor, address, orjson.loads(answer.content)["access_token"], str(tenant_id), warm)
    # The news of the tenant reaches every service before anything is measured.
    while await system.waiting_events():
        await asyncio.sleep(0.1)
    return system
