"""Restores all services of a data folder: each in a process of its own, which knows the service's migrations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tercet_local.errors import LocalError
from tercet_local.services import ALL, Surroundings

# The archive was verified for all, streams are emptied for all, and somebody watches.
_COMMON = ("--verified", "--without-streams", "--progress")
_AT_ONCE = 2
Told = Callable[[str, int], None]


def restore_all(around: Surroundings, file: Path, backup_id: str, options: Sequence[str], told: Told) -> None:
    """Brings every service to the backup's moment. A refusal before anything was changed leaves the folder as it was;
    after that nothing starts on the folder until all five are done, by the same command again.
    """
    folder = around.folder
    begun_before = folder.restoring is not None
    folder.begin_restore(backup_id)
    changed = False

    def one_done() -> None:
        nonlocal changed
        changed = True

    try:
        asyncio.run(_restore_all(around, file, options, told, one_done))
    except BaseException:
        if not changed and not begun_before:
            folder.end_restore()
        raise
    # Streams hold events of another past; what consumers have not taken is published again from the outboxes.
    shutil.rmtree(folder.nats, ignore_errors=True)
    folder.end_restore()


async def _restore_all(
    around: Surroundings, file: Path, options: Sequence[str], told: Told, one_done: Callable[[], None]
) -> None:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def restore(service: str) -> None:
        async with slots:
            await _restore_one(around, service, file, options, told)
            one_done()

    try:
        async with asyncio.TaskGroup() as group:
            for service in ALL:
                group.create_task(restore(service.name))
    except* LocalError as failures:
        raise failures.exceptions[0] from None


async def _restore_one(around: Surroundings, service: str, file: Path, options: Sequence[str], told: Told) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tercet_backup", "restore", str(file), *_COMMON, *options),
        env=around.migrating_environment(service),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        if child.stdout is None or child.stderr is None:
            raise RuntimeError("a child without pipes")
        said = asyncio.create_task(child.stderr.read())
        async for line in child.stdout:
            if line.startswith(b"{"):
                told(service, int(json.loads(line)["bytes"]))
        words = (await said).decode().strip()
        code = await child.wait()
    except BaseException:
        # What it had begun PostgreSQL takes back.
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        await child.wait()
        raise
    if code != 0:
        raise LocalError(words or f"The restore of {service} ended with exit code {code}.")
