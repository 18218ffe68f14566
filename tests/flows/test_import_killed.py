"""The leads service is killed in the middle of an import: each row comes in exactly once, and nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.system import System
from tercet_chassis.testing import eventually

LEADS = Path(__file__).parents[2] / "examples" / "leads.csv"
# Enough for several chunks and for a process that prepares them.
CHUNK = 2_000
ROWS = 4 * CHUNK
ADMIN = {"tenant": "acme", "email": "admin@acme.example", "password": "correct-horse-battery-42", "client": "tests"}


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path)
    try:
        await system.start()
        yield system
    finally:
        system.stop()


def workers_of(system: System) -> list[int]:
    """The processes that prepare rows in this system; each knows the data folder from its environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue  # it ended meanwhile
            if b"tercet_leads.imports.worker" in command and str(system.folder).encode() in environment:
                found.append(int(entry.name))
    return found


async def test_import_whose_service_is_killed_ends_with_each_row_once(system: System, tmp_path: Path) -> None:
    where = ("--data", str(system.folder))
    system.run("tenant", "acme", "--name", "Acme", "--email", ADMIN["email"], "--password", ADMIN["password"], *where)
    content = b"".join(LEADS.read_bytes().splitlines(keepends=True)[: ROWS + 1])
    async with httpx2.AsyncClient(base_url=system.url, timeout=60, trust_env=False) as http:
        token = (await http.post("/v1/sessions", json=ADMIN)).raise_for_status().json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        stored = await http.post(
            "/v1/leads/files", params={"name": "leads.csv"}, content=content, headers={"content-type": "text/csv"}
        )
        wanted = {"file_id": stored.raise_for_status().json()["id"], "country_code": "CN"}
        made = (await http.post("/v1/imports", json=wanted)).raise_for_status().json()
        (await http.post(f"/v1/imports/{made['id']}:run", json={})).raise_for_status()

        async def item() -> dict[str, Any]:
            try:
                answer = await http.get(f"/v1/imports/{made['id']}")
            except httpx2.TransportError:
                return {}
            return dict(answer.json()) if answer.is_success else {}

        for chunks in (1, 2):
            before = await eventually(lambda: _reached(item, chunks * CHUNK), within=90, hint="no chunk was written")  # noqa: B023
            assert before["state"] == "RUNNING", "killed in the middle, not after the end"
            left = workers_of(system)
            assert left, "a large file is prepared in a process of its own"
            system.kill("leads")
            await eventually(lambda: not set(left) & set(workers_of(system)), hint="a worker stayed")  # noqa: B023
        await system.ready()
        after = await eventually(lambda: _ended(item), within=120, hint="the import was not taken up again")
        assert (after["state"], after["row_count"]) == ("DONE", ROWS)
        assert after["created_count"] + after["touched_count"] + after.get("error_count", 0) == ROWS
        counted = (await http.get("/v1/touches", params={"count": "true", "page_size": "1"})).raise_for_status().json()
        assert counted["total_size"] == after["created_count"] + after["touched_count"]
    system.run("token", "--tenant", ADMIN["tenant"], "--email", ADMIN["email"], "--password", ADMIN["password"])
    checked = json.loads(system.run("check", "--json", "--wait", "60", ok=(0, 1)))
    assert [found for found in checked["findings"] if not found["holds"]] == []
    assert workers_of(system) == []


async def _reached(item: Any, rows: int) -> dict[str, Any] | None:
    found = await item()
    return found if found.get("row_count", 0) >= rows else None


async def _ended(item: Any) -> dict[str, Any] | None:
    found = await item()
    return found if found.get("state") == "DONE" else None
