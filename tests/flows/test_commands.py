"""The command line before the real services: a file in and out again, checks, and announcing anew."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.gateway import Company
from support.leads import mobile, person
from support.rest import Person
from support.servers import Servers
from support.tables import connected
from tercet_chassis.testing import Together


class Terminal:
    """Runs `tercet` as the administrator."""

    def __init__(self, admin: Person) -> None:
        self._environment = {**os.environ, "TERCET_URL": str(admin.http.base_url), "TERCET_TOKEN": admin.token}

    async def run(self, *arguments: str, code: int = 0) -> str:
        """What it printed."""
        command = [sys.executable, "-m", "tercet_local.cli.main", *arguments]

        def ended() -> subprocess.CompletedProcess[str]:
            return subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)

        # The services live in this loop, so the command must not hold it up.
        done = await asyncio.to_thread(ended)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def terminal(admin: Person) -> Terminal:
    return Terminal(admin)


async def test_a_file_is_shown_taken_in_and_taken_back(terminal: Terminal, admin: Person, tmp_path: Path) -> None:
    rows = "".join(f"{person(number)},{mobile(number)},看展\n" for number in range(5))
    file = tmp_path / "名单.csv"
    file.write_text(f"姓名,手机,说明\n{rows}", "utf-8")
    shown = await terminal.run("import", str(file), "--preview")
    assert "full_name" in shown
    assert mobile(0) in shown
    assert not (await admin.get("/v1/leads"))["leads"]

    await terminal.run("import", str(file), "--map", "颜色=remark", "--yes", code=1)
    done = json.loads(await terminal.run("import", str(file), "--map", "说明=remark", "--json"))
    assert (done["state"], done["row_count"], done["created_count"], done["error_count"]) == ("DONE", 5, 5, 0)
    leads = (await admin.get("/v1/leads"))["leads"]
    assert [lead["remark"] for lead in leads] == ["看展"] * 5

    undone = await terminal.run("import", "--undo", done["id"])
    assert "5" in undone
    assert not (await admin.get("/v1/leads"))["leads"]
    assert "UNDONE" in await terminal.run("import", "--undo", done["id"], code=1)


async def test_check_tells_what_is_broken_by_its_exit_code(
    terminal: Terminal, admin: Person, company: Company, servers: Servers, together: Together
) -> None:
    await admin.post("/v1/leads", {"full_name": person(1), "mobile": mobile(1)})
    await together.settled(20)
    assert "invariants hold" in await terminal.run("check")
    connection = await connected(servers, "leads")
    await connection.execute("UPDATE leads SET touch_count = 7 WHERE tenant_id = $1", company.tenant_id)
    await connection.close()
    checked = json.loads(await terminal.run("check", "--json", code=1))
    broken = [(found["service"], found["invariant"]) for found in checked["findings"] if not found["holds"]]
    assert broken == [("leads", "leads.touches_counted")]


async def test_replay_builds_a_lost_read_model_anew(
    terminal: Terminal, admin: Person, company: Company, servers: Servers, together: Together
) -> None:
    lead = await admin.post("/v1/leads", {"full_name": person(2), "mobile": mobile(2)})
    await together.settled(20)
    path = "/v1/profiles:byParty"
    before = await admin.get(path, party_id=lead["party_id"])
    connection = await connected(servers, "marketing")
    for table in ("profiles", "profile_sources", "profile_values", "profile_purchases"):
        await connection.execute(f"DELETE FROM {table} WHERE tenant_id = $1", company.tenant_id)
    await connection.close()
    assert not (await admin.get("/v1/profiles"))["profiles"]
    assert "Announced 1" in await terminal.run("events", "replay", "leads", "LeadUpdated")
    await together.settled(20)
    after = await admin.get(path, party_id=lead["party_id"])
    assert after["display_name"] == before["display_name"]
    assert after["contact_points"] == before["contact_points"]
