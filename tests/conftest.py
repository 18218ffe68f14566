"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.servers import Servers, running_servers

pytest_plugins = ["support.services"]

# How fast examples come says how busy the machine is, and nothing about the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

# What takes half a minute and more, the longest first. Files go to workers in this order, the rest behind them: a long
# one that began last would leave the other workers idle for as long as it takes.
_LONGEST = (
    "flows/test_kill.py",
    "flows/test_rest_never_fails.py",
    "flows/test_import_killed.py",
    "flows/test_kill_sends.py",
    "services/marketing/till/test_till.py",
    "services/service_desk/routing/test_routing.py",
    "services/sales/orders/test_benefits.py",
    "flows/test_bad_input.py",
    "deploy/local/test_supervisor.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One PostgreSQL and one NATS for the session; each worker of a parallel run has its own."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running
