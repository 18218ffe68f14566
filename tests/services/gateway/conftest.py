"""A company of the test's own."""

from __future__ import annotations

import pytest

from support.gateway import Company, found_company
from tercet_chassis.testing import Client


@pytest.fixture
async def company(gateway: Client) -> Company:
    """A tenant made as the first start makes it, its administrator signed in."""
    return await found_company(gateway)
