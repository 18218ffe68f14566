"""All five services behind the REST edge, and a company whose people use them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from support.gateway import Company, found_company
from support.rest import Person, front_door, signed_in
from support.servers import Servers
from support.services import client
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Together

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")


@pytest.fixture(scope="session")
async def door(together: Together, servers: Servers) -> AsyncIterator[httpx2.AsyncClient]:
    """The HTTP face before all five services."""
    for name in SERVICES:
        await client(together, servers, name, new_id())
    async with front_door(together) as http:
        yield http


@pytest.fixture
async def company(door: httpx2.AsyncClient, together: Together, servers: Servers, own_work: None) -> Company:
    """A new tenant that every service has heard of."""
    gateway = await client(together, servers, "gateway", new_id())
    made = await found_company(gateway)
    await together.settled(20)
    return made


@pytest.fixture
async def admin(door: httpx2.AsyncClient, company: Company) -> Person:
    """Its administrator."""
    return await signed_in(door, company, company.email)
