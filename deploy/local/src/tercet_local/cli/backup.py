"""`backup` and `restore`: the whole system at one moment in one file, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tercet_local.cli.local import Data
from tercet_local.cli.output import AsJson, console, errors, show_json
from tercet_local.cli.service import surroundings_of
from tercet_local.errors import LocalError
from tercet_local.folder import DEFAULT, DataFolder
from tercet_local.provisioning import SERVICES
from tercet_local.restoring import restore_all

if TYPE_CHECKING:
    from tercet_backup.manifest import Manifest

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="Archive to write; readable by its owner alone.")],
    data: Data = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Write all five databases at one moment into one file, while the system goes on.

    Keys are not in it: keep `keys` and `secrets` of the data folder apart from backups. Ctrl-C leaves nothing behind.
    """
    if not (data / "keys").exists():
        raise LocalError(f"There is no system in {data}; name its folder with --data.")
    # A second of imports, which no other command needs to wait for.
    from tercet_backup.dump import dump
    from tercet_backup.keys import prints_of
    from tercet_chassis.ids import new_id

    with _told_plainly(), surroundings_of(data) as around, _progress() as progress:
        backup_id = new_id()
        prints = prints_of(around.folder.keys, around.encryption_keys, str(backup_id))
        databases = {service: around.postgres.owner_dsn(service) for service in SERVICES}
        bars = {service: progress.add_task(service, total=None) for service in SERVICES}
        done: dict[tuple[str, str], int] = {}

        def told(service: str, table: str, count: int) -> None:
            progress.advance(bars[service], count - done.get((service, table), 0))
            done[service, table] = count

        manifest = asyncio.run(dump(databases, file, prints, UUID(str(backup_id)), told))
    _show(manifest, file, as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="Archive that `tercet backup` wrote.")],
    data: Data = DEFAULT,
    replace: Annotated[bool, typer.Option("--replace", help="Throw away the data that is there.")] = False,
    accept_other_keys: Annotated[
        bool, typer.Option("--accept-other-keys", help="Go on without the keys with which secrets were sealed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a stopped or new system to the moment of a backup; `tercet up` goes on from there.

    Refused while the system runs, when it holds data and may not be replaced, for a damaged file, and when the keys in
    the data folder are others than those of the backup: put `keys` and `secrets` there first. What was cut off is done
    again by the same command.
    """
    folder = DataFolder(data)
    if folder.holder() is not None:
        raise LocalError(f"The system in {data} is running; stop it with `tercet down --data {data}`, then restore.")
    if not accept_other_keys and not (folder.keys / "jwks.json").exists():
        raise LocalError(
            f"{folder.path} has no keys. Put `keys` and `secrets` there, which you keep apart from backups, or say "
            "--accept-other-keys when they are lost for good."
        )
    from tercet_backup.archive import Archive

    options = [*(["--replace"] if replace else []), *(["--accept-other-keys"] if accept_other_keys else [])]
    with _told_plainly(), _progress() as progress:
        archive = Archive(file)
        manifest = archive.manifest
        bar = progress.add_task("verifying", total=manifest.size)
        archive.verify(lambda _, __, count: progress.advance(bar, count))
        archive.close()
        progress.remove_task(bar)
        with surroundings_of(data) as around:
            bars = {name: progress.add_task(name, total=part.size) for name, part in manifest.services.items()}
            restore_all(
                around, file, manifest.backup_id, options, lambda name, count: progress.advance(bars[name], count)
            )
    _show(manifest, file, as_json)


def _show(manifest: Manifest, file: Path, as_json: bool) -> None:
    facts = {
        "file": str(file),
        "backup_id": manifest.backup_id,
        "version": manifest.version,
        "position_time": manifest.position_time.isoformat(),
        "held_seconds": manifest.held_seconds,
        "tenants": manifest.tenant_count,
        "rows": manifest.row_count,
        "bytes": file.stat().st_size,
    }
    if as_json:
        show_json(facts)
        return
    for name, value in facts.items():
        console.print(f"[dim]{name.replace('_', ' '):14}[/] {value}")


@contextmanager
def _told_plainly() -> Iterator[None]:
    from tercet_backup.errors import BackupRefused

    try:
        yield
    except BackupRefused as refusal:
        raise LocalError(str(refusal)) from refusal


def _progress() -> Progress:
    return Progress(*_COLUMNS, console=errors, transient=True, disable=not errors.is_terminal)
