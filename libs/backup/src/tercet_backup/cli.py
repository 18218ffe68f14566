"""`tercet-backup dump | verify | restore`, for images and Jobs: what it works on stands in the environment."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from tercet_backup.archive import Archive
from tercet_backup.dump import dump
from tercet_backup.errors import BackupRefused, DatabaseLost, NothingToDump
from tercet_backup.keys import prints_of
from tercet_backup.manifest import Manifest
from tercet_chassis.ids import new_id
from tercet_chassis.settings import Settings

T = TypeVar("T")
log = structlog.get_logger(__name__)
_NAMED = re.compile(r"tercet-\d{8}T\d{6}Z\.tar")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; a refusal is printed and ends with exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "dump":
            _dump(options.out, options.keep)
        elif options.command == "list":
            _list(options.folder)
        elif options.command == "verify":
            _say(_verified(options.archive).manifest)
        else:
            _restore(options)
    except BackupRefused as refusal:
        sys.exit(str(refusal))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("Stopped; nothing is left of it.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tercet-backup", description="Backup and restore of Tercet's databases.")
    commands = parser.add_subparsers(dest="command", required=True)
    dumping = commands.add_parser("dump", help="write all databases at one moment into one archive")
    dumping.add_argument("out", type=Path, help="a file, or a folder for one named after the time")
    dumping.add_argument("--keep", type=int, default=0, help="in a folder: remove all but so many of the newest")
    commands.add_parser("list", help="tell which archives a folder holds").add_argument("folder", type=Path)
    commands.add_parser("verify", help="read an archive and compare it with its manifest").add_argument(
        "archive", type=Path
    )
    restoring = commands.add_parser("restore", help="restore the service of TERCET_SERVICE from an archive")
    restoring.add_argument("archive", type=Path)
    restoring.add_argument("--replace", action="store_true", help="throw away what is there")
    restoring.add_argument("--accept-other-keys", action="store_true", help="go on though secrets cannot be opened")
    restoring.add_argument("--verified", action="store_true", help="the archive was verified a moment ago")
    restoring.add_argument("--without-streams", action="store_true", help="NATS is empty and need not be reached")
    restoring.add_argument("--progress", action="store_true", help="a line of JSON for each piece, for programs")
    return parser


async def _until_told_to_end(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends the work as Ctrl-C does: what it began is taken back."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _dump(out: Path, keep: int) -> None:
    in_folder = out.is_dir()
    file = out / f"tercet-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar" if in_folder else out
    backup_id = new_id()
    settings = _surroundings()
    prints = prints_of(settings.keys_dir, settings.encryption_keys, str(backup_id))
    work = dump(_databases(os.environ), file, prints, UUID(str(backup_id)))
    manifest = asyncio.run(_until_told_to_end(work))
    log.info("backup.written", file=str(file), bytes=file.stat().st_size)
    _say(manifest)
    if in_folder and keep > 0:
        for old in _archives(out)[:-keep]:
            old.unlink()
            log.info("backup.removed", file=str(old))


def _archives(folder: Path) -> list[Path]:
    """The archives named after their time, the oldest first."""
    return sorted(each for each in folder.iterdir() if _NAMED.fullmatch(each.name))


def _list(folder: Path) -> None:
    for file in _archives(folder):
        log.info("backup.found", file=str(file), bytes=file.stat().st_size)


def _verified(path: Path) -> Archive:
    archive = Archive(path)
    archive.verify()
    return archive


def _restore(options: argparse.Namespace) -> None:
    # Half a second of imports, which only this command needs.
    from tercet_backup.restore import restore

    settings = _surroundings()
    archive = Archive(options.archive) if options.verified else _verified(options.archive)

    def told(table: str, count: int) -> None:
        if options.progress:
            print(json.dumps({"table": table, "bytes": count}), flush=True)  # noqa: T201

    work = restore(
        archive,
        settings,
        replace=options.replace,
        accept_other_keys=options.accept_other_keys,
        streams=not options.without_streams,
        told=told,
    )
    try:
        done = asyncio.run(_until_told_to_end(work))
    except (OSError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as lost:
        raise DatabaseLost(f"{type(lost).__name__}: {lost}") from lost
    said = "restore.done" if done else "restore.done_before"
    log.info(said, service=settings.service, backup=archive.manifest.backup_id)


def _surroundings() -> Settings:
    """The service's settings; a dump is told of databases in another way and needs no NATS."""
    environment = dict(os.environ)
    for name in ("TERCET_DATABASE_URL", "TERCET_NATS_URL"):
        if f"{name}_FILE" not in environment:
            environment.setdefault(name, "")
    return Settings.from_environment(environment.get("TERCET_SERVICE", ""), environment)


def _databases(environment: Mapping[str, str]) -> dict[str, str]:
    """`service -> address` from a folder with a file a service, as Secrets are mounted."""
    folder = Path(environment.get("TERCET_BACKUP_DATABASES_DIR", ""))
    if "TERCET_BACKUP_DATABASES_DIR" not in environment or not folder.is_dir():
        raise NothingToDump
    # Kubernetes puts links and folders of its own beside them.
    return {
        file.name: file.read_text(encoding="utf-8").strip()
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
    }


def _say(manifest: Manifest) -> None:
    log.info(
        "backup.holds",
        backup=manifest.backup_id,
        position=manifest.position_time.isoformat(),
        held_seconds=manifest.held_seconds,
        tenants=manifest.tenant_count,
        rows=manifest.row_count,
        bytes=manifest.size,
        revisions={name: part.revision for name, part in manifest.services.items()},
    )
