"""Takes a labelled set through the real intake of an empty tenant, batch after batch, and reads who was taken for whom.

    make bench-identity DATA=FOLDER

Starts PostgreSQL, NATS and the leads service of its own; what it prints is what a tenant would get: each record decided
on arrival, in file order, nothing revised. Junk gets no party and so stands alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.dedup_measure import measure
from benchmarks.identity_data import Labelled, read_folder
from support.servers import running_servers
from tercet_chassis.testing import Together
from tercet_leads.app import service
from tercet_leads.leads.admit import admit
from tercet_leads.leads.rules import CLEANED, KINDS, Submission


def submission(row: dict[str, str]) -> Submission:
    """A record as a file import would submit it."""
    return Submission(
        values={ours: row[theirs] for ours, theirs in CLEANED.items() if row.get(theirs)},
        raw=dict(row),
        entry="IMPORT",
        kind=KINDS[row["lead_type"]],
        source_given=row.get("source", ""),
        occur_time=datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC),
        key=row["record_id"],
    )


async def take_in(data: Labelled, batch: int, folder: Path) -> None:
    """Every record through intake, then the figures."""
    with running_servers(folder / "servers") as servers:
        together = Together(folder / "services", servers.nats_url)
        service.complete = False
        running = await together.start(service, servers.owner_dsn("leads"), servers.app_dsn("leads"))
        client = await running.tenant()
        started = time.perf_counter()
        clusters: dict[str, str] = {}
        for begin in range(0, len(data.leads), batch):
            rows = data.leads[begin : begin + batch]
            async with client.transaction("leads.lead.create") as tx:
                admissions: list[Any] = await admit(tx, [submission(row) for row in rows], origin="import")
            for row, admission in zip(rows, admissions, strict=True):
                if admission.lead is not None and admission.lead.state != "JUNK":
                    clusters[row["record_id"]] = str(admission.lead.party_id)
            print(f"\r{begin + len(rows)} of {len(data.leads)}", end="", file=sys.stderr, flush=True)
        seconds = time.perf_counter() - started
        print(file=sys.stderr)
        print("streaming, through intake")
        print("\n".join(measure(clusters, data.truth, data.notes).lines()))
        print(f"{seconds:.1f} s, {len(data.leads) / seconds:,.0f} rows/s to the commit", flush=True)
        # Events are still on their way to consumers that nobody waits for here.
        async with asyncio.timeout(30):
            await together.stop()


def main() -> None:
    """Prints the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=1000)
    options = parser.parse_args()
    data = read_folder(options.folder)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(take_in(data, options.batch, Path(folder)))


if __name__ == "__main__":
    main()
