"""Fixtures of running services: `leads`, `sales`, … each a client in a tenant of the test's own, the same tenant in
all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from support.servers import Servers
from tercet_chassis.ids import new_id
from tercet_chassis.server import Server
from tercet_chassis.testing import Client, Together


@pytest.fixture(scope="session")
async def together(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Together]:
    """The services that this session has started so far."""
    running = Together(tmp_path_factory.mktemp("services"), servers.nats_url)
    yield running
    await running.stop()


@pytest.fixture
async def own_work(together: Together) -> AsyncIterator[None]:
    """Takes away what is still to be done when the test ends: whoever moves the clock waits for no other tenant."""
    yield
    await together.drop_jobs()


@pytest.fixture
def tenant_id(own_work: None) -> Any:
    """The tenant of this test."""
    return new_id()


async def client(together: Together, servers: Servers, name: str, tenant_id: Any) -> Client:
    """The service's client in the test's tenant; starts the service when the session has not."""
    if name not in together.running:
        service = importlib.import_module(f"tercet_{name.replace('-', '_')}.app").service
        await together.start(service, servers.owner_dsn(name), servers.app_dsn(name))
    return await together.tenant(together.running[name], tenant_id)


@pytest.fixture
async def leads(together: Together, servers: Servers, tenant_id: Any) -> Client:
    return await client(together, servers, "leads", tenant_id)


@pytest.fixture
async def sales(together: Together, servers: Servers, tenant_id: Any) -> Client:
    return await client(together, servers, "sales", tenant_id)


@pytest.fixture
async def marketing(together: Together, servers: Servers, tenant_id: Any) -> Client:
    return await client(together, servers, "marketing", tenant_id)


@pytest.fixture
async def service_desk(together: Together, servers: Servers, tenant_id: Any) -> Client:
    return await client(together, servers, "service-desk", tenant_id)


@pytest.fixture
async def gateway(together: Together, servers: Servers, tenant_id: Any) -> Client:
    return await client(together, servers, "gateway", tenant_id)


@asynccontextmanager
async def away(together: Together, name: str) -> AsyncIterator[None]:
    """A service that takes no calls, as if its machine was off; it takes them again at the address others know."""
    runtime = together.running[name].runtime
    address = f"127.0.0.1:{runtime.server.port}"
    await runtime.server.stop(0.5)
    try:
        yield
    finally:
        runtime.settings = replace(runtime.settings, grpc_address=address)
        runtime.server = Server(runtime, runtime.service.methods, runtime.groups, runtime.processes)
        await runtime.server.start()
        await runtime.server.set_ready(True)
