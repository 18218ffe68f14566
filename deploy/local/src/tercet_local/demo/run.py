"""The sample run from start to table. Each stage is written down when it is done, so that a second run repeats
nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tercet_local.demo import clock, company, offers, report, setup, story, week
from tercet_local.demo.journal import Journal
from tercet_local.demo.people import PASSWORD, Person
from tercet_local.demo.staff import Company
from tercet_local.errors import LocalError

_SEED = 20261122


class ImportFailed(LocalError):
    """The sample file could not be taken in."""

    def __init__(self, state: str, why: str) -> None:
        super().__init__(f"The import ended as {state}: {why}")


async def run(url: str, file: Path, leads: Path, console: Console, days: int = week.DAYS) -> None:
    """Brings the sample company to the end of its week and prints what happened. Refused with what the API refuses."""
    journal = Journal(file)
    begun = datetime.fromisoformat(journal.values.get("begun", datetime.now(UTC).replace(microsecond=0).isoformat()))
    journal.put(begun=begun.isoformat(), seed=journal.values.get("seed", _SEED))
    admin = await Person(url, company.ADMIN, str(journal.values["seed"])).sign_in()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        if not journal.values.get("finished"):
            with Progress(*columns, console=console) as progress:
                await _stages(admin, journal, begun, leads, days, progress)
        _print(console, journal.values["table"])
        _addresses(console, url)
    finally:
        await admin.close()


async def _stages(admin: Person, journal: Journal, begun: datetime, leads: Path, days: int, progress: Progress) -> None:
    opening = _opening(begun, days)
    if not journal.values.get("built"):
        bar = progress.add_task("Setting the company up", total=1)
        await setup.build(admin)
        journal.put(built=True)
        progress.update(bar, completed=1)
    if "imported" not in journal.values:
        await clock.advance(admin, opening)
        started = time.monotonic()
        imported = await _intake(admin, leads, progress)
        await setup.visitors(admin)
        journal.put(imported=imported, seconds=time.monotonic() - started)
    async with Company(admin, journal.values["seed"], opening, days) as all_of_it:
        if not journal.values.get("equipped"):
            await clock.advance(admin, opening)
            await all_of_it.equip(progress)
            journal.put(equipped=True)
        await all_of_it.work(journal, progress)
        await clock.release(admin)
        table = await report.rows(
            admin, journal.values["imported"], journal.values["seconds"], Counter(journal.values.get("did", {}))
        )
        table += await story.rows(admin, opening)
    journal.put(table=table, finished=True)


async def _intake(admin: Person, leads: Path, progress: Progress) -> dict[str, Any]:
    content = await asyncio.to_thread(leads.read_bytes)
    bar = progress.add_task("Taking leads in", total=content.count(b"\n") - 1)
    stored = await admin.upload("leads", leads.name, content, "text/csv", leads.name)
    wanted = {"file_id": stored["id"], "country_code": "CN", "time_zone": "Asia/Shanghai", "automations": True}
    made = await admin.post("/v1/imports", wanted, leads.name)
    operation = await admin.post(f"/v1/imports/{made['id']}:run", {}, leads.name)
    while operation["state"] == "RUNNING":
        await asyncio.sleep(0.3)
        operation = await admin.get(f"/v1/leads/operations/{operation['id']}")
        progress.update(bar, completed=operation["done_count"], total=operation["total_count"] or None)
    if operation["state"] != "DONE":
        raise ImportFailed(operation["state"], operation["error_message"])
    done = await admin.get(f"/v1/imports/{made['id']}")
    return {name: done[f"{name}_count"] for name in ("row", "created", "touched", "junk", "error")}


def _opening(begun: datetime, days: int) -> datetime:
    """The morning on which the week begins; its last day is yesterday."""
    today = begun.astimezone(ZoneInfo(offers.ZONE)).replace(hour=8, minute=0, second=0, microsecond=0)
    return (today - timedelta(days=days)).astimezone(UTC)


def _print(console: Console, rows: list[tuple[str, str]]) -> None:
    table = Table(title=f"{company.NAME}: the past week", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def _addresses(console: Console, url: str) -> None:
    console.print(f"API {url}/v1   docs {url}/docs   OpenAPI {url}/openapi.json")
    console.print(f"Sign in at POST {url}/v1/sessions with tenant 'sample' and password '{PASSWORD}':")
    shown: set[str] = set()
    for person in [{"email": company.ADMIN, "role": "admin"}, *company.PEOPLE]:
        if person["role"] not in shown:
            shown.add(person["role"])
            console.print(f"  {person['role']:18} {person['email']}")
