"""How the launcher knows which services need migrating, and which ports to give."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tercet_local.errors import PortTaken, StartFailed
from tercet_local.ports import Ports, is_free, pick
from tercet_local.provisioning import SERVICES, database_name
from tercet_local.services import ALL, Service, head_of


def write_revision(folder: Path, name: str, down: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(f'"""Why."""\nrevision: str = "{name}"\ndown_revision = {down!r}\n')


def test_head_is_the_revision_that_no_other_follows(tmp_path: Path) -> None:
    write_revision(tmp_path, "0001", None)
    write_revision(tmp_path, "0002", "0001")
    write_revision(tmp_path, "0003", "0002")
    assert head_of(tmp_path) == "0003"


def test_two_heads_or_none_are_left_to_the_migration_itself(tmp_path: Path) -> None:
    assert head_of(tmp_path / "absent") is None
    write_revision(tmp_path, "0001", None)
    write_revision(tmp_path, "0002a", "0001")
    write_revision(tmp_path, "0002b", "0001")
    assert head_of(tmp_path) is None


def test_a_service_that_is_not_installed_is_refused_with_the_remedy() -> None:
    with pytest.raises(StartFailed, match="make setup"):
        Service("leads", "tercet_no_such_thing").check_installed()


def test_service_names_are_kebab_case_and_modules_snake_case() -> None:
    assert {service.name: service.module for service in ALL}["service-desk"] == "tercet_service_desk"
    assert [database_name(name) for name in SERVICES if "-" in name] == ["tercet_service_desk"]


def test_ports_are_the_same_at_the_next_start_unless_taken(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = Ports(file)
    given = {name: first.get(name) for name in ("leads", "sales")}
    first.save()
    assert len(set(given.values())) == 2
    with socket.socket() as other:
        other.bind(("127.0.0.1", given["sales"]))
        other.listen()
        again = Ports(file)
        assert again.get("leads") == given["leads"]
        assert again.get("sales") != given["sales"]


def test_a_damaged_list_of_ports_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text('{"leads": 12')
    ports = Ports(file)
    port = ports.get("leads")
    ports.save()
    assert json.loads(file.read_text()) == {"leads": port}


def test_a_wished_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortTaken, match=str(port)):
            Ports(tmp_path / "ports.json").fix("http", port)
    assert is_free(pick())
