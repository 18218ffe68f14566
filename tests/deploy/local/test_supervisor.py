"""What the launcher promises: all starts, what crashes comes back, all ends, nothing is left."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import asyncpg
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from support.launchers import Launcher, Launchers
from tercet_chassis.testing import eventually
from tercet_local.process import wait_gone
from tercet_local.provisioning import SERVICES


def all_gone(pids: list[int]) -> bool:
    return all(wait_gone(pid, 10) for pid in pids)


def test_every_service_is_told_what_it_needs_and_no_more(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.up(folder)
    ports = launcher.ports()
    for service in SERVICES:
        told = launcher.note(service)
        database = "tercet_" + service.replace("-", "_")
        assert told["TERCET_DATABASE_URL"].startswith(f"postgresql://{database}:")
        assert told["TERCET_DATABASE_URL"].endswith(f"@127.0.0.1:{ports['postgres']}/{database}")
        assert "TERCET_DATABASE_OWNER_URL" not in told
        assert told["TERCET_NATS_URL"].endswith(f"@127.0.0.1:{ports['nats']}")
        assert told["TERCET_GRPC_ADDRESS"] == f"127.0.0.1:{ports[service]}"
        assert told["TERCET_METRICS_PORT"] == str(ports[f"{service}-metrics"])
        peers = dict(peer.split("=") for peer in told["TERCET_PEERS"].split(","))
        assert peers == {name: f"127.0.0.1:{ports[name]}" for name in SERVICES}
        assert told["TERCET_ENVIRONMENT"] == "development"
        assert ("TERCET_HTTP_ADDRESS" in told) == (service == "gateway")
    assert launcher.note("gateway")["TERCET_HTTP_ADDRESS"] == f"127.0.0.1:{launcher.http_port}"


def test_a_token_signed_by_one_service_is_verified_with_the_public_keys(folder: Path, launchers: Launchers) -> None:
    keys = Path(launchers.up(folder).note("leads")["TERCET_KEYS_DIR"])
    private = OKPKey.import_key(json.loads((keys / "gateway.private.jwk").read_text()))
    public = json.loads((keys / "jwks.json").read_text())
    token = jwt.encode({"alg": "Ed25519", "kid": "gateway-1"}, {"sub": "王芳"}, private, algorithms=["Ed25519"])
    claims = jwt.decode(token, KeySet.import_key_set(public), algorithms=["Ed25519"]).claims
    assert claims == {"sub": "王芳"}
    assert all("d" not in key for key in public["keys"])


def test_secrets_are_readable_by_their_owner_alone(folder: Path, launchers: Launchers) -> None:
    launchers.up(folder)
    for private in [*(folder / "secrets").iterdir(), *(folder / "keys").glob("*.private.jwk")]:
        assert private.stat().st_mode & 0o077 == 0, private


def test_kill_9_of_the_launcher_leaves_no_process_and_no_damage(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.up(folder)
    family = launcher.family()
    assert len(family) > len(SERVICES) + 2
    launcher.process.kill()
    launcher.process.wait()
    assert all_gone(family)
    again = launchers.up(folder, launcher.http_port)
    assert again.ports() == launcher.ports()


def test_kill_9_of_what_started_the_launcher_ends_all_too(folder: Path, launchers: Launchers) -> None:
    # As `make run` does: a shell or make above, the launcher below.
    shell = launchers.up(folder, under='"$@"; true')
    family = shell.family()
    assert len(family) > len(SERVICES) + 3
    shell.process.kill()
    shell.process.wait()
    assert all_gone(family)
    assert "database system is shut down" in (folder / "logs" / "postgres.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_in_order(folder: Path, launchers: Launchers, number: signal.Signals) -> None:
    launcher = launchers.up(folder)
    family = launcher.family()
    launcher.process.send_signal(number)
    assert launcher.process.wait(30) == 0
    assert all_gone(family)
    ended = (folder / "notes" / "ended").read_text().split()
    assert (ended[0], sorted(ended)) == ("gateway", sorted(SERVICES))
    assert not (folder / "postgres" / "postmaster.pid").exists()
    assert "database system is shut down" in (folder / "logs" / "postgres.log").read_text()


async def test_a_signal_in_the_middle_of_the_start_ends_all_too(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.begin(folder)
    await eventually(lambda: bool(launcher.children()))
    launcher.process.send_signal(signal.SIGTERM)
    family = launcher.family()
    assert launcher.process.wait(30) in (0, -signal.SIGTERM)
    assert all_gone(family)


def test_a_second_launcher_on_the_same_folder_is_refused(folder: Path, launchers: Launchers) -> None:
    first = launchers.up(folder)
    second = launchers.begin(folder)
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert f"in use by process {first.process.pid}" in said
    assert first.process.poll() is None


def test_a_taken_http_port_is_refused_by_name(folder: Path, launchers: Launchers) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        launcher = launchers.begin(folder, other.getsockname()[1])
        _, said = launcher.process.communicate(timeout=30)
    assert launcher.process.returncode == 1
    assert f"Port {launcher.http_port}" in said


def test_a_failing_migration_stops_the_start_with_its_reason(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.begin(folder, STAND_IN_MIGRATION_FAILS="1")
    _, said = launcher.process.communicate(timeout=30)
    assert launcher.process.returncode == 1
    assert "The migration of leads failed" in said
    assert "the column is already there" in said
    assert not (folder / "postgres" / "postmaster.pid").exists()


async def _is_another(launcher: Launcher, name: str, before: int) -> bool:
    return launcher.children().get(name, before) != before


async def test_a_crashed_service_is_started_again(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.up(folder)
    before = launcher.children()["sales"]
    os.kill(before, signal.SIGKILL)
    await eventually(lambda: _is_another(launcher, "sales", before))
    assert launcher.process.poll() is None


async def test_crashed_servers_come_back_on_their_ports_with_their_data(folder: Path, launchers: Launchers) -> None:
    launcher = launchers.up(folder)
    dsn = launcher.note("leads")["TERCET_DATABASE_URL"]
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TEMPORARY TABLE busy AS SELECT 1")
    before = launcher.children()
    os.kill(before["postgres"], signal.SIGKILL)
    os.kill(before["nats-server"], signal.SIGKILL)
    await eventually(lambda: _is_another(launcher, "postgres", before["postgres"]))
    await eventually(lambda: _is_another(launcher, "nats-server", before["nats-server"]))

    async def answers() -> bool:
        try:
            fresh = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError):
            return False
        await fresh.close()
        return True

    await eventually(answers)
    connection.terminate()
