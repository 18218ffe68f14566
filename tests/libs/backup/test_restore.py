"""One service's database into an archive and out again: whole, once, and refused where it would do harm."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest

from support.backup import Scratch, scratch
from support.servers import Servers
from tercet_backup.archive import Archive
from tercet_backup.dump import ONE_BACKUP, SETTINGS, dump
from tercet_backup.errors import (
    ArchiveOfNewerVersion,
    BackupRefused,
    BackupRuns,
    NotEmpty,
    NotMigrated,
    OtherKeys,
    SchemaMoved,
    ServiceMissing,
    ServiceRuns,
)
from tercet_backup.keys import prints_of
from tercet_backup.manifest import Manifest
from tercet_backup.restore import restore
from tercet_chassis import migrations
from tercet_chassis.broker import stream_name
from tercet_chassis.ids import new_id
from tercet_chassis.relay import RELAY_LOCK
from tercet_chassis.settings import Settings
from tercet_chassis.tokens import make_keys
from tercet_gateway.app import service
from tercet_local.nats import Nats

KEYS = {"first": "a key of thirty-two characters or more"}
ODD = '王芳\t\\N\n\\.\r{"a": null}\'\u2028😀'
FILLED = """
INSERT INTO known_tenants (id, code, zone, reporting_currency, region, locale)
  VALUES (gen_random_uuid(), $1, 'Asia/Shanghai', 'CNY', 'CN', 'zh-CN');
INSERT INTO outbox (tenant_id, event_id, subject, resource_id, version, headers, payload, publish_time)
  SELECT gen_random_uuid(), gen_random_uuid(), subject, gen_random_uuid(), 1,
    jsonb_build_object('name', $1::text), '\\x00ff', now() - interval '1 minute' * age
  FROM (VALUES ('old', 3000), ('fresh', 1), ('waiting', NULL)) AS told(subject, age);
INSERT INTO inbox VALUES ('a.b', gen_random_uuid(), now() - interval '20 days');
INSERT INTO dead_letters
  (id, tenant_id, consumer, event_id, subject, headers, payload, reason, message, attempts, state)
  SELECT gen_random_uuid(), gen_random_uuid(), state, gen_random_uuid(), 's', '{}', '', 'R', 'm', 1, state
  FROM unnest(ARRAY['OPEN', 'DISCARDED']) AS state;
INSERT INTO jobs (id, tenant_id, name, key, arguments, due_time, lease_time)
  VALUES (gen_random_uuid(), gen_random_uuid(), 'a.b', 'k', '{}', now(), now() + interval '1 minute');
INSERT INTO file_chunks VALUES (gen_random_uuid(), gen_random_uuid(), 0, decode(repeat('00ff0a5c', 100000), 'hex'));
"""


class Killed(Exception):
    """Stands for whatever ends the work in its middle."""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(["gateway"], tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture(scope="module")
async def filled(servers: Servers) -> AsyncIterator[Scratch]:
    """A database of the gateway with a row of each kind that matters."""
    async with scratch(servers, "gateway") as database:
        await asyncio.to_thread(migrations.migrate, service, database.owner, database.app)
        async with connected(database) as connection:
            for statement in FILLED.split(";\n"):
                values = [ODD] if "$1" in statement else []
                if statement.strip():
                    await connection.execute(statement, *values)
        yield database


@pytest.fixture
async def empty(servers: Servers) -> AsyncIterator[Scratch]:
    async with scratch(servers, "gateway") as database:
        yield database


@asynccontextmanager
async def connected(database: Scratch) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(database.owner)
    yield connection
    await connection.close()


async def written(database: Scratch, out: Path, keys: Path, **options: Any) -> Manifest:
    backup_id = new_id()
    return await dump({"gateway": database.owner}, out, prints_of(keys, KEYS, str(backup_id)), backup_id, **options)


def settings(database: Scratch, keys: Path) -> Settings:
    return Settings("gateway", database.app, "", keys, encryption_keys=KEYS, database_owner_url=database.owner)


async def text_of(database: Scratch) -> dict[str, list[bytes]]:
    """Every table as text, but for what a restore changes by intent."""
    found = {}
    async with connected(database) as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in {row["tablename"] for row in tables} - {"outbox", "inbox", "jobs", "restores"}:
            lines: list[bytes] = []

            async def take(data: bytes, lines: list[bytes] = lines) -> None:
                lines.append(data)

            await connection.copy_from_table(table, output=take)
            found[table] = sorted(b"".join(lines).splitlines())
    return found


async def test_a_database_comes_back_whole_and_goes_on(
    filled: Scratch, empty: Scratch, keys: Path, tmp_path: Path
) -> None:
    manifest = await written(filled, tmp_path / "a.tar", keys)
    archive = Archive(tmp_path / "a.tar")
    archive.verify()
    assert (manifest.tenant_count, manifest.services["gateway"].outbox_unpublished_count) == (1, 1)
    steps: list[str] = []

    def killed(table: str, _: int) -> None:
        steps.append(table)
        if len(steps) == 3:
            raise Killed

    with pytest.raises(Killed):
        await restore(archive, settings(empty, keys), streams=False, told=killed)
    async with connected(empty) as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0

    assert await restore(archive, settings(empty, keys), streams=False)
    assert await text_of(empty) == await text_of(filled)
    async with connected(empty) as connection:
        outbox = await connection.fetch("SELECT subject, publish_time, bulk FROM outbox ORDER BY id")
        assert [tuple(row) for row in outbox] == [("old", None, True), ("fresh", None, False), ("waiting", None, False)]
        marks = {row["consumer"] for row in await connection.fetch("SELECT consumer FROM inbox")}
        assert marks == {"a.b", "DISCARDED"}
        assert await connection.fetchval("SELECT count(*) FROM jobs WHERE lease_time IS NULL") == 1
        newest = await connection.fetchval("SELECT max(id) FROM outbox")
        assert await connection.fetchval("SELECT nextval('outbox_id_seq')") > newest
    assert await migrations.current(empty.app) == migrations.revisions(service)[0], "serving pods may look"
    assert not await restore(archive, settings(empty, keys), streams=False), "what was done is not done again"
    assert await restore(archive, settings(empty, keys), streams=False, replace=True)
    assert await text_of(empty) == await text_of(filled)


async def test_events_of_another_past_are_thrown_away(
    filled: Scratch, empty: Scratch, keys: Path, tmp_path: Path
) -> None:
    await written(filled, tmp_path / "a.tar", keys)
    server = Nats(tmp_path / "nats")
    url = server.start()
    client = await nats.connect(url)
    try:
        await client.jetstream().add_stream(name=stream_name("gateway"), subjects=["tercet.gateway.>"])
        await client.jetstream().publish("tercet.gateway.user.created.v1", b"of another past")
        assert await restore(Archive(tmp_path / "a.tar"), replace(settings(empty, keys), nats_url=url))
        assert await client.jetstream().streams_info() == []
    finally:
        await client.close()
        server.remove()


async def test_what_would_do_harm_is_refused_and_changes_nothing(
    filled: Scratch, empty: Scratch, keys: Path, tmp_path: Path
) -> None:
    await written(filled, tmp_path / "a.tar", keys)
    archive = Archive(tmp_path / "a.tar")
    good = settings(empty, keys)
    make_keys(["gateway"], tmp_path / "other")

    async def refused(reason: type[BackupRefused], given: Settings, words: str, read: Archive = archive) -> None:
        with pytest.raises(reason, match=words):
            await restore(read, given, streams=False)

    await refused(OtherKeys, replace(good, keys_dir=tmp_path / "other"), "signing key gateway-1 is another")
    await refused(OtherKeys, replace(good, encryption_keys={}), "lacks first")
    await refused(
        OtherKeys, replace(good, encryption_keys={"first": "x" * 32}), "first in TERCET_ENCRYPTION_KEYS is another"
    )
    await refused(ServiceMissing, replace(good, service="leads"), "leads")
    await refused(NotEmpty, settings(filled, keys), "--replace")
    async with connected(empty) as connection:
        await connection.execute(f"SELECT pg_advisory_lock({RELAY_LOCK})")
        await refused(ServiceRuns, good, "Stop all services")
    archive.manifest.services["gateway"].revision = "9999"
    await refused(ArchiveOfNewerVersion, good, "made by version")
    async with connected(empty) as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_a_backup_is_refused_or_cut_off_without_a_trace(
    filled: Scratch, empty: Scratch, keys: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(NotMigrated):
        await written(empty, out / "a.tar", keys)
    async with connected(filled) as connection:
        await connection.execute(f"SELECT pg_advisory_lock({ONE_BACKUP})")
        with pytest.raises(BackupRuns):
            await written(filled, out / "a.tar", keys)

    def cancelled(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        await written(filled, out / "a.tar", keys, told=cancelled)
    with pytest.raises(BackupRefused, match="cannot be written"):
        await written(filled, out / "none" / "a.tar", keys)
    assert list(out.iterdir()) == []


async def test_a_migration_and_a_backup_do_not_mix(
    filled: Scratch, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "lock_timeout", "50ms")
    async with connected(filled) as connection:
        await connection.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SchemaMoved):
            await written(filled, tmp_path / "a.tar", keys)
        await connection.execute("ROLLBACK")


async def test_a_job_writes_an_archive_and_keeps_the_newest(filled: Scratch, keys: Path, tmp_path: Path) -> None:
    databases, out = tmp_path / "databases", tmp_path / "out"
    for folder in (databases, out):
        folder.mkdir()
    (databases / "gateway").write_text(filled.owner + "\n")
    for name in ("tercet-20200101T000000Z.tar", "mine.tar"):
        (out / name).touch()
    given = {
        "TERCET_BACKUP_DATABASES_DIR": str(databases),
        "TERCET_KEYS_DIR": str(keys),
        "TERCET_ENCRYPTION_KEYS": "first=" + KEYS["first"],
    }

    async def ran(*arguments: str, **environment: str) -> tuple[int, str]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tercet_backup", *arguments),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await child.communicate()
        return child.returncode or 0, said.decode()

    code, said = await ran("dump", str(out), "--keep", "1", **given)
    assert code == 0, said
    (made,) = {file.name for file in out.iterdir()} - {"mine.tar"}
    assert made > "tercet-20200101T000000Z.tar"
    assert set(Archive(out / made).manifest.services) == {"gateway"}
    code, said = await ran("dump", str(out), TERCET_KEYS_DIR=str(keys))
    assert (code, "TERCET_BACKUP_DATABASES_DIR" in said) == (1, True)
    code, said = await ran("verify", str(out / "mine.tar"))
    assert (code, "no whole backup" in said) == (1, True)
    code, said = await ran("list", str(out))
    assert (code, made in said, "mine.tar" in said) == (0, True, False)
