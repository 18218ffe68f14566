"""The commands, run as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.launchers import Launchers
from tercet_local.process import wait_gone


def tercet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tercet_local.cli.main", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "160", **environment},
        timeout=60,
        check=False,
    )


def test_help_names_every_command() -> None:
    said = tercet("--help")
    assert said.returncode == 0
    for command in ("up", "down", "status"):
        assert command in said.stdout


def test_status_of_nothing_says_so_with_its_exit_code(tmp_path: Path) -> None:
    said = tercet("status", "--data", str(tmp_path / "none"), "--json")
    assert said.returncode == 3
    assert {part["state"] for part in json.loads(said.stdout)} == {"stopped"}


def test_down_of_nothing_is_no_error(tmp_path: Path) -> None:
    said = tercet("down", "--data", str(tmp_path / "none"))
    assert (said.returncode, said.stdout.strip()) == (0, "Nothing is running here.")


def test_status_shows_the_servers_and_down_ends_all(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.up(folder)
    family = launcher.family()
    parts = {part["part"]: part for part in json.loads(tercet("status", "--data", str(folder), "--json").stdout)}
    ports = launcher.ports()
    for server in ("postgres", "nats"):
        assert parts[server]["state"] == "ready"
        assert parts[server]["address"] == f"127.0.0.1:{ports[server]}"
        assert parts[server]["pid"] in family
        assert parts[server]["memory_mib"] > 0
    assert tercet("down", "--data", str(folder)).returncode == 0
    assert all(wait_gone(pid, 10) for pid in family)
    assert launcher.process.wait(10) == 0


@pytest.mark.parametrize("port", ["0", "70000", "eighty"])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    said = tercet("up", "--data", str(tmp_path), "--port", port)
    assert said.returncode == 2
    assert "--port" in said.stderr


def test_a_folder_without_rights_is_refused_in_one_line() -> None:
    said = tercet("up", "--data", "/sys/tercet")
    assert said.returncode == 1
    assert said.stderr.startswith("error:")
    assert "Traceback" not in said.stderr


def test_a_restore_asks_for_keys_and_a_half_one_is_not_started(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    said = tercet("restore", str(tmp_path / "none.tar"), "--data", str(folder))
    assert (said.returncode, "Put `keys` and `secrets` there" in said.stderr) == (1, True)
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "jwks.json").touch()
    said = tercet("restore", str(tmp_path / "none.tar"), "--data", str(folder))
    assert (said.returncode, "is no whole backup" in said.stderr) == (1, True)
    (folder / "restoring").touch()
    said = tercet("up", "--data", str(folder))
    assert (said.returncode, "Run the same `tercet restore` again" in said.stderr) == (1, True)
    said = tercet("backup", str(tmp_path / "a.tar"), "--data", str(tmp_path / "nothing"))
    assert (said.returncode, "There is no system in" in said.stderr) == (1, True)
