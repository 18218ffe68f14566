"""`make bench-sizes`: what customers take of disk and memory, measured between two imports of persons."""

from __future__ import annotations

import asyncio
import sys

from benchmarks import system
from benchmarks.run import import_file
from tercet_local.provisioning import SERVICES

_MIB = 1 << 20
# What passes: events wait in these some days, keys of requests one.
_PASSING = ("outbox", "inbox", "idempotency")


def _persons(begin: int, count: int) -> bytes:
    rows = (
        f"王芳{number},139{number:08d},wang{number}@example.com,上海市,website"
        for number in range(begin, begin + count)
    )
    return "\n".join(("name,mobile,email,city,source", *rows)).encode()


async def _databases(running: system.System) -> dict[str, tuple[int, int]]:
    """Bytes of each service's database, and of its tables whose rows pass."""
    found: dict[str, tuple[int, int]] = {}
    for service in SERVICES:
        whole = await running.query(service, "SELECT pg_database_size(current_database())")
        passing = await running.query(
            service,
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY($1)",
            _PASSING,
        )
        found[service] = int(whole), int(passing)
    return found


async def _measure(count: int) -> None:
    async with system.running() as running:
        await running.call(
            "POST", "/v1/sources", json={"code": "website", "display_name": "Website", "kind": "WEBSITE"}
        )
        await import_file(running, _persons(0, count // 5))
        before = await _databases(running)
        rate, lag, rows = await import_file(running, _persons(count, count))
        after = await _databases(running)
        memory = running.memory()
    print(f"{rows} persons, {rate:.0f} rows/s, consumers {lag:.1f} s behind\n")
    print("| service | GiB a million persons | events and keys meanwhile | MiB of memory |")
    print("|---|---|---|---|")
    total, passed = 0.0, 0.0
    for service in SERVICES:
        (whole, passing), (whole_before, passing_before) = after[service], before[service]
        passes = (passing - passing_before) / rows * 1_000_000 / (1024 * _MIB)
        stays = (whole - whole_before) / rows * 1_000_000 / (1024 * _MIB) - passes
        total, passed = total + stays, passed + passes
        print(f"| {service} | {stays:.2f} | {passes:.2f} | {memory[service.replace('-', '_')][0]} |")
    print(f"| together | {total:.2f} | {passed:.2f} | {sum(part for part, _ in memory.values())} |")


if __name__ == "__main__":
    asyncio.run(_measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
