"""Counts who fits over many profiles, and how soon after an event somebody is in a segment.

    make bench-segments PROFILES=1000000 SECONDS=30

On servers of its own: how long exact counts take by kind of condition, and how many facts a second are judged by 50
live segments in groups of 200, as a consumer does. Then, with 100,000 profiles and 50 live segments, sales tells 150
events a second; measured is from an event's writing in sales until its segment has the member for all to see.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from support.servers import running_servers
from tercet.sales.v1.events_pb2 import ActivityCompleted
from tercet_chassis.entity import untracked
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, Together
from tercet_marketing.app import service
from tercet_marketing.segments.judge import judge
from tercet_marketing.segments.language import judgement
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.store import count_and_sample
from tercet_marketing.segments.subjects import PROFILE
from tercet_sales.activities.model import Activity
from tercet_sales.app import service as sales_service

ORDERS = {"kinds": ["order"], "within": "30d"}
QUARTER = {"kinds": ["order"], "within": "3mo"}
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
LONG: dict[str, dict[str, Any]] = {
    "average and number of a quarter": {
        "all": [
            {"facts": QUARTER | {"measure": "avg", "currency": "CNY", "op": ">", "value": 500}},
            {"facts": QUARTER | {"op": "<", "value": 3}},
        ]
    },
    "never an order": {"facts": {"kinds": ["order"], "op": "=", "value": 0}},
    "a field and all orders' sum": {
        "all": [
            {"path": "order_count", "op": ">=", "value": 3},
            {"facts": {"kinds": ["order"], "measure": "sum", "currency": "CNY", "op": ">", "value": 1000}},
        ]
    },
}
_PROFILES = """
INSERT INTO profiles (tenant_id, id, identity_id, party_id, display_name, contact_points, lead_state, lifecycle_code,
    customer_lifecycle_code, stage_code, order_count, last_order_time, spent, values, consents, tags, tag_codes, search,
    create_time, update_time, row_version)
SELECT $1::uuid, id, id, id, '', '[]', '', '', '', '', n % 7, now() - (n % 400) * interval '1 day', '[]', '[]', '[]',
    '[]', jsonb_build_array('t' || n % 50), ''::tsvector, now(), now(), 1
FROM ({people}) AS made
"""
_FACTS = """
INSERT INTO facts (tenant_id, id, identity_id, party_id, kind, fact_time, code, amount_amount, amount_currency,
    product_codes, voided, create_time, update_time, row_version)
SELECT $1::uuid, gen_random_uuid(), id, id, kind, now() - power((n * 7919 + k * 104729) % 10000 / 10000.0, 2) * 540
    * interval '1 day', 'web', CASE WHEN kind = 'order' THEN n % 1000 END, CASE WHEN kind = 'order' THEN 'CNY' END,
    '[]', false, now(), now(), 1
FROM (SELECT *, (ARRAY['touch', 'order', 'visit', 'message', 'order'])[1 + (n * k / 3) % 5] AS kind
    FROM ({people}) AS people, generate_series(1, 5) AS k) AS made
"""
# Ids that begin with the time, as ours do.
_PEOPLE = """
SELECT n, (lpad(to_hex(1767225600000 + n), 12, '0') || '7000' || right(md5($1::uuid::text || n), 16))::uuid AS id
FROM generate_series($2::bigint, $3::bigint) AS n
"""
LATELY = {"facts": {"kinds": ["visit"], "within": "1d", "value": 1, "op": ">="}}
_ENTERED = "SELECT subject_id FROM segment_members WHERE segment_code = 's0' AND state = 'IN' AND create_time > $1"
_Visit = untracked(Activity)
PIECE = 50_000
GROUP = 200
FOLLOWED, RATE, BATCHES = 100_000, 150, 10
GOALS = {"count": 1.0, "membership": 5.0}


async def fill(marketing: Client, owner_dsn: str, profiles: int) -> None:
    """Profiles with five facts each in a year and a half, looked over as PostgreSQL does by itself in minutes."""
    started = time.perf_counter()
    for begin in range(1, profiles + 1, PIECE):
        async with marketing.transaction() as tx:
            end = min(begin + PIECE - 1, profiles)
            await tx.fetch(_PROFILES.format(people=_PEOPLE), marketing.tenant_id, begin, end)
            await tx.fetch(_FACTS.format(people=_PEOPLE), marketing.tenant_id, begin, end)
    owner = await asyncpg.connect(owner_dsn.replace("+asyncpg", ""))
    for table in ("profiles", "facts"):
        await owner.execute(f"VACUUM ANALYZE {table}")
    await owner.close()
    print(f"{profiles} profiles with five facts each: {time.perf_counter() - started:.0f} s to fill")


async def counts(marketing: Client) -> None:
    """Counts by each kind of condition, the best of three."""
    for name, condition in (COUNTED | LONG).items():
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            async with marketing.transaction("marketing.segment.read") as tx:
                count, _ = await count_and_sample(tx, judgement(PROFILE, condition, "UTC", ()).at(tx.now()), 0)
            taken.append(time.perf_counter() - started)
        print(f"count, {name}: {count} in {min(taken):.2f} s; to be at most {GOALS['count']} s")


async def fifty_segments(marketing: Client) -> None:
    """Fifty live segments, built; one of them is entered with a visit."""
    async with marketing.transaction() as tx:
        for number in range(50):
            condition = list(COUNTED.values())[number % len(COUNTED)] if number else LATELY
            reads = sorted(judgement(PROFILE, condition, "UTC", ()).reads)
            made = Segment(code=f"s{number}", display_name="s", condition=condition, reads=reads, state="DRAFT")
            made.activate()
            made.built(1, tx.now())
            tx.add(made)


async def judge_groups(marketing: Client) -> None:
    """Groups of profiles, judged as facts about them come."""
    async with marketing.transaction() as tx:
        rows = await tx.fetch("SELECT id FROM profiles ORDER BY id LIMIT $1", GROUP * 10)
    ids: list[UUID] = [row["id"] for row in rows]
    for name in ("first", "again"):
        started = time.perf_counter()
        for begin in range(0, len(ids), GROUP):
            async with marketing.transaction() as tx:
                await judge(tx, PROFILE, ids[begin : begin + GROUP], kinds=["order", "touch"])
        seconds = time.perf_counter() - started
        print(f"judged {name}: {len(ids) / seconds:.0f} profiles/s by the segments that ask, groups of {GROUP}")


async def follow_events(sales: Client, marketing: Client, seconds: int) -> None:
    """Tells visits and watches who has entered."""
    async with marketing.transaction() as tx:
        count = seconds * RATE
        rows = await tx.fetch("SELECT id FROM profiles ORDER BY md5(id::text) LIMIT $1", count)
    told: dict[UUID, float] = {}
    entered: dict[UUID, float] = {}
    ids = [row["id"] for row in rows]

    async def tell() -> None:
        size, began = RATE // BATCHES, time.perf_counter()
        for number, begin in enumerate(range(0, len(ids), size)):
            await asyncio.sleep(max(0.0, began + number / BATCHES - time.perf_counter()))
            async with sales.transaction() as tx:
                for id in ids[begin : begin + size]:
                    visit = _Visit(id=new_id(), identity_id=id, party_id=id, kind="VISIT", done_time=tx.now())
                    visit.create_time = visit.update_time = tx.now()
                    visit.row_version = 1
                    tx.emit(ActivityCompleted, visit)
                    told[id] = time.perf_counter()

    telling = asyncio.create_task(tell())
    began = time.perf_counter()
    while len(entered) < len(ids) and time.perf_counter() < began + 2 * seconds + 30:
        async with marketing.transaction() as tx:
            rows = await tx.fetch(_ENTERED, tx.now() - timedelta(seconds=20))
        now = time.perf_counter()
        for row in rows:
            entered.setdefault(row["subject_id"], now)
        await asyncio.sleep(0.1)
    await telling
    taken = sorted(entered[id] - told[id] for id in told if id in entered)
    if len(taken) < len(ids):
        print(f"{len(ids) - len(taken)} of {len(ids)} visits made no member")
    if not taken:
        return
    middle, late = (taken[int(len(taken) * share)] for share in (0.5, 0.95))
    goal = GOALS["membership"]
    print(
        f"event to membership at {RATE}/s, {FOLLOWED} profiles: p50 {middle:.2f} s, p95 {late:.2f} s, at most {goal} s"
    )


async def run(folder: Path, profiles: int, seconds: int) -> None:
    """Both services on servers of their own."""
    with running_servers(folder / "servers") as servers:
        together = Together(folder / "services", servers.nats_url)
        service.complete = sales_service.complete = False
        try:
            owner_dsn = servers.owner_dsn("marketing")
            running = await together.start(service, owner_dsn, servers.app_dsn("marketing"))
            selling = await together.start(sales_service, servers.owner_dsn("sales"), servers.app_dsn("sales"))
            if profiles:
                marketing = await running.join(new_id())
                await fill(marketing, owner_dsn, profiles)
                await counts(marketing)
            if not seconds:
                return
            tenant = new_id()
            marketing, sales = await running.join(tenant), await selling.join(tenant)
            await fill(marketing, owner_dsn, FOLLOWED)
            await fifty_segments(marketing)
            await judge_groups(marketing)
            await follow_events(sales, marketing, seconds)
        finally:
            await together.stop()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000, help="to count among; 0: count nothing")
    parser.add_argument("--seconds", type=int, default=30, help="for how long events are told; 0: not at all")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), given.profiles, given.seconds))


if __name__ == "__main__":
    main()
