"""Counts and judges segments over many profiles, in a marketing service of its own.

    PYTHONPATH=.:tests python -m benchmarks.segments [PROFILES]

Prints how long exact counts take by kind of condition, and how many facts a second are judged by 50 live segments in
groups of 200, as a consumer does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from support.servers import running_servers
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, Together
from tercet_marketing.app import service
from tercet_marketing.segments.judge import judge
from tercet_marketing.segments.language import judgement
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.store import count_and_sample
from tercet_marketing.segments.subjects import PROFILE

ORDERS = {"kinds": ["order"], "within": "30d"}
COUNTED: dict[str, dict[str, Any]] = {
    "a field": {"path": "order_count", "op": ">=", "value": 3},
    "a tag and a time": {
        "all": [
            {"path": "tag_codes", "op": ":", "value": "t7"},
            {"path": "last_order_time", "op": "<", "value": {"now": "-90d"}},
        ]
    },
    "active without an order": {
        "all": [
            {"facts": {"kinds": ["touch", "visit"], "within": "30d", "op": ">=", "value": 1}},
            {"facts": ORDERS | {"op": "=", "value": 0}},
        ]
    },
    "average and number of orders": {
        "all": [
            {"facts": ORDERS | {"measure": "avg", "currency": "CNY", "op": ">", "value": 500}},
            {"facts": ORDERS | {"op": "<", "value": 3}},
        ]
    },
}
_PROFILES = """
INSERT INTO profiles (tenant_id, id, identity_id, party_id, display_name, contact_points, lead_state, lifecycle_code,
    customer_lifecycle_code, order_count, last_order_time, spent, values, consents, tags, tag_codes, search,
    create_time, update_time, row_version)
SELECT $1::uuid, id, id, id, '', '[]', '', '', '', n % 7, now() - (n % 400) * interval '1 day', '[]', '[]', '[]', '[]',
    jsonb_build_array('t' || n % 50), ''::tsvector, now(), now(), 1
FROM (SELECT n, md5($1::uuid::text || n)::uuid AS id FROM generate_series($2::int, $3::int) AS n) AS made
"""
_FACTS = """
INSERT INTO facts (tenant_id, id, identity_id, party_id, kind, fact_time, code, amount_amount, amount_currency,
    product_codes, voided, create_time, update_time, row_version)
SELECT $1::uuid, gen_random_uuid(), id, id, (ARRAY['touch', 'order', 'visit'])[1 + n % 3],
    now() - (n::bigint * 7919 % 180) * interval '1 day', 'web', CASE WHEN n % 3 = 1 THEN n % 1000 END,
    CASE WHEN n % 3 = 1 THEN 'CNY' END, '[]', false, now(), now(), 1
FROM (SELECT n, md5($1::uuid::text || n % $3::int)::uuid AS id FROM generate_series($2::int, $3::int) AS n) AS made
"""
PIECE = 50_000
GROUP = 200


async def measure(marketing: Client, profiles: int) -> None:
    """Fills, counts, judges, prints."""
    started = time.perf_counter()
    for begin in range(1, profiles + 1, PIECE):
        async with marketing.transaction() as tx:
            end = min(begin + PIECE - 1, profiles)
            await tx.fetch(_PROFILES, marketing.tenant_id, begin, end)
            await tx.fetch(_FACTS, marketing.tenant_id, begin, end)
    print(f"{profiles} profiles with a fact each: {time.perf_counter() - started:.0f} s to fill")
    for name, condition in COUNTED.items():
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            async with marketing.transaction("marketing.segment.read") as tx:
                fits = judgement(PROFILE, condition, "UTC", ()).at(tx.now()).sql()
                count, _ = await count_and_sample(tx, PROFILE, fits, 0)
            taken.append(time.perf_counter() - started)
        print(f"count, {name}: {count} in {min(taken):.2f} s")
    await judge_groups(marketing)


async def judge_groups(marketing: Client) -> None:
    """Fifty live segments and groups of profiles, as facts about them come."""
    async with marketing.transaction() as tx:
        for number in range(50):
            condition = list(COUNTED.values())[number % len(COUNTED)]
            reads = sorted(judgement(PROFILE, condition, "UTC", ()).reads)
            made = Segment(code=f"s{number}", display_name="s", condition=condition, reads=reads, state="DRAFT")
            made.activate()
            tx.add(made)
        rows = await tx.fetch("SELECT id FROM profiles ORDER BY id LIMIT $1", GROUP * 10)
    ids: list[UUID] = [row["id"] for row in rows]
    for name in ("first", "again"):
        started = time.perf_counter()
        for begin in range(0, len(ids), GROUP):
            async with marketing.transaction() as tx:
                await judge(tx, PROFILE, ids[begin : begin + GROUP], kinds=["order", "touch"])
        seconds = time.perf_counter() - started
        print(f"judged {name}: {len(ids) / seconds:.0f} profiles/s by 25 of 50 segments, groups of {GROUP}")


async def run(folder: Path, profiles: int) -> None:
    """One service on servers of its own."""
    with running_servers(folder / "servers") as servers:
        together = Together(folder / "services", servers.nats_url)
        service.complete = False
        running = await together.start(service, servers.owner_dsn("marketing"), servers.app_dsn("marketing"))
        try:
            await measure(await running.join(new_id()), profiles)
        finally:
            await together.stop()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="?", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), given.profiles))


if __name__ == "__main__":
    main()
