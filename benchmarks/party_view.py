"""`python -m benchmarks.party_view`: a party's page and timeline, with 10,000 things that happened to it."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from datetime import UTC, datetime

from benchmarks import load, system

# Copies of one row each, a minute apart: what grows with the years.
_COPIES = (
    ("leads", "touches", "occur_time", 4_000),
    ("marketing", "sends", "send_time", 3_000),
    ("service-desk", "ticket_entries", "entry_time", 3_000),
)
_ALONE = ("id", "key", "external_system", "external_id")


async def _party(running: system.System) -> str:
    lead = await running.call("POST", "/v1/leads", json={"full_name": "王芳", "mobile": "13812345678"})
    await _settled(running)
    who = {"identity_id": lead["identity_id"], "party_id": lead["party_id"]}
    ticket = await running.call("POST", "/v1/tickets", json={"subject": "刹车异响", **who})
    await running.call("POST", f"/v1/tickets/{ticket['id']}:note", json={"body": "先看刹车片"})
    message = {"purpose": "SERVICE", "channel_codes": ["sms"], "text": "您好", "identity_id": lead["identity_id"]}
    await running.call("POST", "/v1/sends", json=message)
    await _settled(running)
    return str(lead["party_id"])


async def _settled(running: system.System) -> None:
    while await running.waiting_events():
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


async def _lived(running: system.System) -> int:
    """Copies what happened until there is enough; gives how much there is."""
    for service, table, moment, count in _COPIES:
        names = await running.query(
            service,
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns WHERE table_schema = "
            "'public' AND table_name = $1 AND column_name <> ALL ($2)",
            table,
            [*_ALONE, moment],
        )
        keyed = await running.query(
            service,
            "SELECT count(*) FROM information_schema.columns WHERE table_name = $1 AND column_name = 'key' "
            "AND table_schema = 'public'",
            table,
        )
        key, value = (", key", ", gen_random_uuid()::text") if keyed else ("", "")
        await running.query(
            service,
            f"INSERT INTO {table} (id, {moment}, {names}{key}) "
            f"SELECT uuidv7(), now() - at * interval '1 minute', {names}{value} "
            f"FROM (SELECT * FROM {table} LIMIT 1) AS one, generate_series(1, $1) AS at",
            count,
        )
        await running.query(service, f"ANALYZE {table}")
    return sum(count for *_, count in _COPIES)


async def _measure(seconds: float) -> None:
    async with system.running() as running:
        party_id = await _party(running)
        count = await _lived(running)
        for name in ("overview", "timeline"):
            asked = ("GET", f"/v1/parties/{party_id}:{name}", b"")
            for at_once in (1, 4):
                await _show(running, f"{name} of {count}, {at_once} at once", asked, seconds, at_once)


async def _show(running: system.System, what: str, asked: tuple[str, str, bytes], seconds: float, at_once: int) -> None:
    def again(_: int) -> tuple[str, str, bytes]:
        return asked

    before = running.processor()
    result = await load.run(running.address, again, seconds=seconds, connections=at_once, headers=running.headers)
    spent = {name: took - before.get(name, 0.0) for name, took in running.processor().items()}
    took = f"p50 {result.p50:.0f} ms, p95 {result.p95:.0f} ms, failed {result.failed}"
    each = ", ".join(f"{name} {1000 * part / result.count:.1f}" for name, part in spent.items() if part > 0.01)
    print(f"| {what} | {took} | p95 <= 300 ms | {1000 * sum(spent.values()) / result.count:.1f}: {each} |", flush=True)


def main() -> None:
    """Prints the table as Markdown."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| what | measured | mark | processor, ms a call |\n|---|---|---|---|")
    asyncio.run(_measure(seconds))


if __name__ == "__main__":
    main()
