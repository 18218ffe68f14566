"""When PostgreSQL may not start, and what a person is told."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections import namedtuple
from pathlib import Path

import asyncpg
import pytest

from tercet_local import unprivileged
from tercet_local.errors import AlreadyRunning, DataOfAnotherVersion, DiskFull, NoRights, PortTaken, StartFailed
from tercet_local.folder import DataFolder
from tercet_local.postgres import THROW_AWAY, Postgres, installation

Usage = namedtuple("Usage", "total used free")


def test_data_of_another_major_version_is_refused_untouched(folder: Path) -> None:
    (folder / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(DataOfAnotherVersion, match="written by PostgreSQL 17"):
        Postgres(folder).start()
    assert (folder / "postgres" / "PG_VERSION").read_text() == "17\n"


def test_a_taken_port_is_refused(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken):
            Postgres(folder, port=other.getsockname()[1]).start()


def test_a_nearly_full_disk_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12 - 2**20, 2**20))
    with pytest.raises(DiskFull, match="1 MiB left"):
        Postgres(folder).start()


def test_a_folder_without_rights_is_refused() -> None:
    with pytest.raises(NoRights):
        DataFolder("/sys/tercet").prepare()


def test_a_folder_in_use_names_who_uses_it(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.lock()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        second.lock()
    assert second.holder() == os.getpid()
    first.unlock()
    assert second.holder() is None
    second.lock()
    second.unlock()


def test_a_start_that_was_cut_off_leaves_no_half_cluster(tmp_path: Path) -> None:
    half = tmp_path / "postgres.part"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres = Postgres(tmp_path, settings=THROW_AWAY)
    try:
        postgres.start()
        assert not half.exists()
    finally:
        postgres.remove()


def test_a_mark_left_by_a_machine_crash_does_not_stop_the_start(folder: Path) -> None:
    # The number in it belongs to this very process, which is alive and no PostgreSQL.
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/postgres\n1\n1\n\n127.0.0.1\n1 1\n")
    postgres = Postgres(folder, settings=THROW_AWAY)
    try:
        postgres.start()
    finally:
        postgres.stop()


async def test_each_database_tells_the_migration_it_stands_at(folder: Path) -> None:
    postgres = Postgres(folder, settings=THROW_AWAY)
    try:
        info = postgres.start()
        assert postgres.revisions() == {}
        owner = await asyncpg.connect(info.owner_dsn("service-desk"))
        await owner.execute("CREATE TABLE alembic_version AS SELECT '0003_更多' AS version_num")
        await owner.close()
        assert postgres.revisions() == {"service-desk": "0003_更多"}
    finally:
        postgres.stop()


def test_starting_off_the_main_thread_is_refused(folder: Path) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            Postgres(folder, settings=THROW_AWAY).start()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def test_a_server_that_cannot_read_its_settings_says_why(folder: Path) -> None:
    (folder / "postgres" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(StartFailed, match=r"pg_hba\.conf"):
        Postgres(folder, settings=THROW_AWAY).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")
async def test_where_namespaces_are_forbidden_root_runs_it_as_another_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No kernel lets this be mapped, so entering the namespace fails as where it is forbidden.
    monkeypatch.setattr(unprivileged, "_in_namespace", lambda: "namespace:-1")
    tmp_path.chmod(0o700)
    modes = {parent: parent.stat().st_mode for parent in [tmp_path, *tmp_path.parents, *installation().parents]}
    postgres = Postgres(tmp_path / "data", settings=THROW_AWAY)
    try:
        info = postgres.start()
        assert postgres.process is not None
        status = Path(f"/proc/{postgres.process.pid}/status").read_text()
        assert "Uid:\t0\t" not in status
        assert (tmp_path / "data" / "postgres").resolve().is_relative_to(unprivileged.SYSTEM_FOLDER)
        connection = await asyncpg.connect(info.app_dsn("leads"))
        await connection.close()
        postgres.stop()
        postgres.start()
        assert {parent: parent.stat().st_mode for parent in modes} == modes
    finally:
        postgres.remove()
