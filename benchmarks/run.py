"""`make bench`: every mark of speed, as a ratio to the floor measured in the same run."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx2
import orjson

from benchmarks import load, system
from benchmarks.floor import measure

_SAMPLE = Path(__file__).parents[1] / "examples" / "leads.csv"
_LISTED = 100_000
_LIST = "/v1/leads?page_size=50&order_by=" + quote("score desc") + "&filter=" + quote('state = "OPEN" AND grade = "C"')


def _lead(number: int) -> bytes:
    # A number of its own each: a repeated one would become a touch, which is another path.
    mobile = f"139{number:08d}"
    return orjson.dumps({"full_name": f"王芳{number}", "mobile": mobile, "city": "上海市", "source_code": "website"})


async def _prepare(running: system.System) -> None:
    # An unknown source is another path: it is noted and told of each time.
    await running.call("POST", "/v1/sources", json={"code": "website", "display_name": "Website", "kind": "WEBSITE"})


def _ticket(number: int) -> bytes:
    points = [{"kind": "PHONE", "value": f"139{number:08d}"}]
    said = {"subject": f"刹车异响 {number}", "description": "低速时前轮有异响，已行驶三万公里。", "arrival": "PHONE"}
    return orjson.dumps({**said, "requester_name": f"王芳{number}", "contact_points": points})


async def _create(
    running: system.System, seconds: float, path: str = "/v1/leads", body: Callable[[int], bytes] = _lead
) -> load.Result:
    async def run(begin: int, seconds: float) -> load.Result:
        return await load.run(
            running.address,
            lambda number: ("POST", path, body(begin + number)),
            seconds=seconds,
            headers=running.headers,
        )

    await run(0, 1.5)
    return await run(1_000_000, seconds)


async def _get(running: system.System, path: str, seconds: float) -> load.Result:
    await load.run(running.address, lambda _: ("GET", path, b""), seconds=1.0, headers=running.headers)
    return await load.run(running.address, lambda _: ("GET", path, b""), seconds=seconds, headers=running.headers)


async def _settled(running: system.System) -> None:
    while await running.waiting_events():
        await asyncio.sleep(0.1)


async def import_file(running: system.System, content: bytes) -> tuple[float, float, int]:
    """Rows a second to the commit in leads, seconds until all consumers had handled all, and the rows."""
    file = await running.call(
        "POST", "/v1/leads/files", params={"name": "leads.csv"}, content=content, headers={"content-type": "text/csv"}
    )
    wanted = {"file_id": file["id"], "country_code": "CN", "time_zone": "Asia/Shanghai", "automations": True}
    made = await running.call("POST", "/v1/imports", json=wanted)
    began = time.perf_counter()
    operation = await running.call("POST", f"/v1/imports/{made['id']}:run", json={})
    while operation["state"] == "RUNNING":
        await asyncio.sleep(0.1)
        try:
            operation = await running.call("GET", f"/v1/leads/operations/{operation['id']}")
        except httpx2.HTTPStatusError as away:
            # A chunk keeps the service busy; only a refusal ends the wait.
            if away.response.status_code < 500:
                raise
    took = time.perf_counter() - began
    if operation["state"] != "DONE":
        raise RuntimeError(f"the import ended as {operation['state']}: {operation['error_message']}")
    rows = int((await running.call("GET", f"/v1/imports/{made['id']}"))["row_count"])
    await _settled(running)
    return rows / took, time.perf_counter() - began - took, rows


async def _fill(running: system.System) -> None:
    """Copies the tenant's leads until there are enough to list; each copy is a party of its own."""
    names = str(
        await running.query(
            "leads",
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = 'leads' "
            "AND column_name NOT IN ('id', 'identity_id', 'party_id', 'external_system', 'external_id')",
        )
    )
    have = int(await running.query("leads", "SELECT count(*) FROM leads"))
    await running.query(
        "leads",
        f"INSERT INTO leads (id, identity_id, party_id, {names}) SELECT uuidv7(), uuidv7(), uuidv7(), {names} "
        "FROM leads CROSS JOIN generate_series(1, $1 / (SELECT count(*) FROM leads) + 1) LIMIT $2",
        _LISTED,
        max(0, _LISTED - have),
    )
    await running.query("leads", "ANALYZE leads")


async def _lag(running: system.System, rate: int, seconds: float) -> float:
    """Milliseconds within which 99 of 100 events were handled while so many leads a second came in."""
    before = await running.handled()
    sent = 0
    began = time.perf_counter()
    pending: set[asyncio.Task[object]] = set()
    while (passed := time.perf_counter() - began) < seconds:
        while sent < passed * rate:
            sent += 1
            headers = {"content-type": "application/json"}
            body = _lead(5_000_000 + sent)
            pending.add(asyncio.create_task(running.call("POST", "/v1/leads", content=body, headers=headers)))
        pending = {task for task in pending if not task.done()}
        await asyncio.sleep(0.005)
    await asyncio.gather(*pending)
    await _settled(running)
    after = await running.handled()
    return _quantile({bound: count - before.get(bound, 0.0) for bound, count in after.items()}, 0.99) * 1000


def _quantile(within: dict[float, float], share: float) -> float:
    """The quantile of a cumulative histogram, linear inside the bucket."""
    bounds = sorted(within)
    wanted = within[bounds[-1]] * share
    low, below = 0.0, 0.0
    for bound in bounds:
        if within[bound] >= wanted:
            part = (wanted - below) / (within[bound] - below) if within[bound] > below else 1.0
            return low + (bound - low) * part if bound != float("inf") else low
        low, below = bound, within[bound]
    return low


def _show(*cells: str) -> None:
    # Each line as soon as it is known: a run that breaks off has still said something.
    print(f"| {' | '.join(cells)} |", flush=True)


async def _measure(floor: dict[str, load.Result], seconds: float) -> None:
    def ratio(name: str, result: load.Result, kind: str, mark: float) -> None:
        share = result.rate / floor[kind].rate
        shown = f"{result.rate:.0f}/s, p50 {result.p50:.0f} ms, p99 {result.p99:.0f} ms"
        if result.failed:
            shown += f", {result.failed} FAILED"
        _show(name, shown, f"{share:.2f} of {floor[kind].rate:.0f}/s ({kind})", f">= {mark:.2f}")

    async with system.running() as running:
        _show("start of everything, warm", f"{running.warm_seconds:.1f} s", "", "<= 6 s")
        await _prepare(running)
        ratio("create a lead over REST", await _create(running, seconds), "insert", 0.35)
        lead = (await running.call("GET", "/v1/leads?page_size=1"))["leads"][0]["id"]
        ratio("read a lead over REST", await _get(running, f"/v1/leads/{lead}", seconds), "grpc", 0.50)
        await _settled(running)
        tickets = await _create(running, seconds, "/v1/tickets", _ticket)
        ratio("create a ticket over REST", tickets, "insert", 0.35)
        await _settled(running)
        p99 = await _lag(running, 150, 2 * seconds)
        _show("commit to handled, 150 leads/s", f"p99 {p99:.0f} ms", "", "<= 500 ms")
        rate, lag, count = await import_file(running, _SAMPLE.read_bytes())
        _show(f"import of {count} rows", f"{rate:.0f} rows/s", f"consumers {lag:.1f} s behind", ">= 4000 rows/s")
        await _fill(running)
        listed = await _get(running, _LIST, seconds)
        ratio(f"list 50 of {_LISTED} leads, filtered, sorted", listed, "grpc", 350 / 2500)
        memory = running.memory()
        each = ", ".join(f"{name} {part}" for name, (part, _) in sorted(memory.items()))
        whole, mapped = (sum(sizes) for sizes in zip(*memory.values(), strict=True))
        _show(
            f"memory of {len(memory)} services, shared pages once",
            f"{whole} MiB",
            f"{each}; resident sizes added up {mapped}",
            "<= 700 MiB",
        )


def main() -> None:
    """Prints the table as Markdown, a line as soon as it is measured."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before\n"
    )
    _show("what", "measured", "against", "mark")
    _show("---", "---", "---", "---")
    floor = measure.measure(seconds)
    for name, result in floor.items():
        _show(f"floor: {name}", f"{result.rate:.0f}/s, p50 {result.p50:.0f} ms, p99 {result.p99:.0f} ms", "", "")
    asyncio.run(_measure(floor, seconds))


if __name__ == "__main__":
    main()
