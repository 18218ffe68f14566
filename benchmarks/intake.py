"""Takes the example file through an import of its own leads service and says where the processor's time went.

    python -m benchmarks.intake [--file CSV] [--relay] [--profile FILE]

Starts PostgreSQL with the settings of an installation, NATS and the leads service in this process, nothing else: no
gateway, no consumers. Without `--relay` events stay in the outbox, so that what is measured is the way to the commit.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from support.leads import upload
from support.servers import Servers
from tercet.chassis.v1.operation_service_pb2 import GetOperationRequest, Operation
from tercet.leads.v1 import import_service_pb2 as pb
from tercet_chassis.main import _settle_memory
from tercet_chassis.testing import Client, Together
from tercet_leads.app import service
from tercet_local.nats import Nats
from tercet_local.postgres import Postgres

_SAMPLE = Path(__file__).parents[1] / "examples" / "leads.csv"
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def servers(folder: Path, *, statements: bool) -> Iterator[Servers]:
    """Both servers as an installation has them, and nothing of them afterwards."""
    settings = {"shared_preload_libraries": "pg_stat_statements"} if statements else {}
    postgres, nats = Postgres(folder, settings=settings), Nats(folder)
    try:
        info = postgres.start()
        yield Servers(info, nats.start(), nats.monitor_url)
    finally:
        nats.remove()
        postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _stat(pid: int) -> tuple[str, int, float]:
    """Name, parent and seconds of processor time of a process, those of its ended children included."""
    text = Path(f"/proc/{pid}/stat").read_text()
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return name, int(rest[1]), sum(map(int, rest[11:15])) / _TICKS


def spent() -> dict[str, float]:
    """Processor seconds so far: this process, the workers it started, PostgreSQL, NATS."""
    every = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                every[int(entry.name)] = _stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
    mine = {os.getpid()}
    while more := {pid for pid, (_, parent, _) in every.items() if parent in mine} - mine:
        mine |= more
    found = {"service": time.process_time(), "workers": 0.0, "postgres": 0.0, "nats": 0.0}
    for pid in mine - {os.getpid()}:
        name, _, seconds = every[pid]
        kind = "postgres" if name.startswith("postgres") else "nats" if name.startswith("nats") else "workers"
        found[kind] += seconds
    found["workers"] += sum(os.times()[2:4])
    return found


async def _import(client: Client, content: bytes) -> tuple[pb.Import, float]:
    file_id = await upload(client, "leads.csv", content)
    wanted = pb.Import(file_id=file_id, country_code="CN", time_zone="Asia/Shanghai")
    made = await client.CreateImport(pb.CreateImportRequest(lead_import=wanted))
    began = time.perf_counter()
    # An import that fails is tried again and again; that would be no measurement.
    latest = began + 180
    operation = await client.RunImport(pb.RunImportRequest(id=made.id))
    while operation.state == Operation.State.RUNNING and time.perf_counter() < latest:
        await asyncio.sleep(0.1)  # whoever looks is paid for by the service measured
        operation = await client.GetOperation(GetOperationRequest(id=operation.id), timeout=60)
    took = time.perf_counter() - began
    if operation.state != Operation.State.DONE:
        raise RuntimeError(f"the import ended as {operation}")
    result = pb.RunImportResult()
    operation.result.Unpack(result)
    return result.lead_import, took


async def _tables(dsn: str) -> None:
    """Where rows and index look-ups went, by table and by index."""
    connection = await asyncpg.connect(dsn.rpartition("/")[0] + "/tercet_leads")
    try:
        await asyncio.sleep(1.2)  # what a backend counts is told a second later
        for row in await connection.fetch(
            "SELECT relname, n_tup_ins i, n_tup_upd u, n_tup_hot_upd h, pg_total_relation_size(relid) / 1024 k "
            "FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd > 100 ORDER BY 2 DESC"
        ):
            print(f"  {row['relname']:<14} {row['i']:>8} inserts {row['u']:>7} updates ({row['h']} hot) {row['k']} KiB")
        for row in await connection.fetch(
            "SELECT indexrelname n, idx_scan s, pg_relation_size(indexrelid) / 1024 k "
            "FROM pg_stat_user_indexes WHERE pg_relation_size(indexrelid) > 200000 ORDER BY 3 DESC"
        ):
            print(f"  {row['n']:<32} {row['s']:>8} scans {row['k']:>7} KiB")
    finally:
        await connection.close()


async def _statements(dsn: str, *, begin: bool) -> None:
    """Begins to count statements, or shows those that took the most time."""
    connection = await asyncpg.connect(dsn.rpartition("/")[0] + "/tercet_leads")
    try:
        if begin:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await connection.execute("SELECT pg_stat_statements_reset()")
            return
        for row in await connection.fetch(
            "SELECT calls, total_exec_time t, rows, wal_bytes / 1024 w, "
            "left(regexp_replace(query, '\\s+', ' ', 'g'), 110) q "
            "FROM pg_stat_statements WHERE total_exec_time > 20 ORDER BY 2 DESC LIMIT 30"
        ):
            print(
                f"  {row['t']:>8.0f} ms {row['calls']:>5} calls {row['rows']:>7} rows {row['w']:>7.0f} KiB  {row['q']}"
            )
    finally:
        await connection.close()


async def run(options: argparse.Namespace, folder: Path) -> None:
    """One import into an empty tenant."""
    content = options.file.read_bytes()
    with servers(folder / "servers", statements=options.statements) as running_servers:
        together = Together(folder / "services", running_servers.nats_url)
        service.complete = False
        running = await together.start(service, running_servers.owner_dsn("leads"), running_servers.app_dsn("leads"))
        if not options.relay:
            relay: Any = running.runtime.relay
            relay._publish = _nothing
        client = await running.tenant()
        head = content[: content.index(b"\n", len(content) // 20) + 1]
        await _import(client, head)  # what is loaded and compiled once
        client = await running.tenant()
        gc.collect()
        _settle_memory()
        if options.statements:
            await _statements(running_servers.superuser_dsn, begin=True)
        profiler = _profiler(options.profile)
        before = spent()
        result, took = await _import(client, content)
        after = spent()
        if profiler is not None:
            profiler.wait()
        rows = result.row_count
        print(
            f"{rows} rows in {took:.2f} s: {rows / took:,.0f} rows/s; {result.created_count} made, "
            f"{result.touched_count} touched, {result.junk_count} junk, {result.error_count} refused"
        )
        each = {name: (after[name] - before[name]) / rows * 1e6 for name in after}
        shown = ", ".join(f"{name} {value:.0f}" for name, value in each.items())
        print(f"µs of processor a row: {shown}; together {sum(each.values()):.0f}", flush=True)
        if options.statements:
            await _statements(running_servers.superuser_dsn, begin=False)
        if options.tables:
            await _tables(running_servers.superuser_dsn)
        async with asyncio.timeout(30):
            await together.stop()


async def _nothing(*_: object) -> int:
    return 0


def _profiler(path: str | None) -> subprocess.Popen[bytes] | None:
    if not path:
        return None
    command = ["py-spy", "record", "-p", str(os.getpid()), "-d", "15", "-r", "250", "-f", "raw", "-o", path]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    return started


def main() -> None:
    """Prints the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=_SAMPLE)
    parser.add_argument("--relay", action="store_true", help="let the relay publish meanwhile")
    parser.add_argument("--tables", action="store_true", help="show tables and indexes afterwards")
    parser.add_argument("--statements", action="store_true", help="show the dearest statements afterwards")
    parser.add_argument("--profile", help="write samples of py-spy here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options, Path(folder)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
