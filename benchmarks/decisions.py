"""How many customers a second strategies are decided for: all of a segment at once, with the rows that say why.

    PYTHONPATH=.:tests python -m benchmarks.decisions [--customers N] [--strategies N]

Starts PostgreSQL, NATS and the marketing service in this process. Each customer is wanted by all strategies, which
share an exclusion group and caps; groups of 200 customers are one transaction, as with events.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.intake import servers, spent
from support.benefits import policy
from tercet.marketing.v1 import action_service_pb2 as actions
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet_chassis.context import Context
from tercet_chassis.ids import new_id
from tercet_chassis.main import _settle_memory
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client, Together
from tercet_marketing.app import service
from tercet_marketing.profiles.model import Profile
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import want

_GROUP = 200


async def _running(client: Client, number: int) -> None:
    strategy = pb.Strategy(
        code=f"s{number}", display_name=f"S{number}", trigger=pb.Strategy.EVENT, event_name="sales.customer.created",
        action_code="gift", priority=number, exclusion_group="gift" if number % 2 else "", reentry_days=30,
        caps=[pb.StrategyCap(days=7, most=2, of=pb.StrategyCap.ALL)], holdout_percent="10",
    )  # fmt: skip
    made = await client.CreateStrategy(pb.CreateStrategyRequest(strategy=strategy))
    await client.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))
    await client.StartStrategy(pb.StartStrategyRequest(id=made.id))


async def _decide(client: Client, customers: int) -> None:
    runtime = client.running.runtime
    context = Context(principal=Principal.system("marketing", client.tenant_id), method="bench")
    rows: list[dict[str, Any]] = []
    for _ in range(customers):
        identity = new_id()
        rows.append({"id": new_id(), "identity_id": identity, "party_id": identity})
    async with runtime.transaction(context) as tx:
        await tx.bulk_insert(Profile, rows)
    gc.collect()
    _settle_memory()
    before, began = spent(), time.perf_counter()
    groups = [rows[at : at + _GROUP] for at in range(0, customers, _GROUP)]

    async def work() -> None:
        while groups:
            group = groups.pop()
            async with runtime.transaction(context) as tx:
                strategies = await store.running(tx)
                profiles = await store.profiles(tx, {row["identity_id"] for row in group})
                await want(tx, [(one, profile, "bench") for profile in profiles.values() for one in strategies])

    # As events come: several groups beside each other.
    await asyncio.gather(*(work() for _ in range(runtime.settings.consumer_concurrency)))
    took, after = time.perf_counter() - began, spent()
    each = ", ".join(f"{name} {(after[name] - before[name]) / customers * 1e6:.0f}" for name in after)
    print(f"{customers} customers in {took:.2f} s: {customers / took:,.0f} customers/s")
    print(f"µs of processor a customer: {each}", flush=True)


async def run(options: argparse.Namespace, folder: Path) -> None:
    """One measurement in an empty tenant, after a small one that loads and compiles what is needed."""
    with servers(folder / "servers", statements=False) as running_servers:
        together = Together(folder / "services", running_servers.nats_url)
        service.complete = False
        dsns = running_servers.owner_dsn("marketing"), running_servers.app_dsn("marketing")
        running = await together.start(service, *dsns)
        for customers in (400, options.customers):
            client = await running.tenant()
            await policy(client, "gift", {"gifts": [{"product_code": "P1"}]})
            action = actions.Action(code="gift", display_name="Gift", tool_code="gift", policy_code="gift")
            await client.CreateAction(actions.CreateActionRequest(action=action))
            for number in range(options.strategies):
                await _running(client, number)
            await _decide(client, customers)
        async with asyncio.timeout(30):
            await together.stop()


def main() -> None:
    """Prints the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--strategies", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options, Path(folder)))


if __name__ == "__main__":
    main()
