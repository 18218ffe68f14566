"""Child processes that cannot outlive the launcher."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tercet_local import prelude

SAME = "same"


def spawn(
    command: Sequence[str | Path],
    *,
    when_launcher_dies: signal.Signals,
    identity: str = SAME,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a direct child that the kernel signals when this process ends, however it ends.

    It runs as `identity` (see `prelude.main`). Refused off the main thread: the kernel ties the signal to the *thread*
    that forked. The child gets a process group of its own, so that Ctrl-C reaches only the launcher, which then stops
    all in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are tied to the thread that starts them: start them from the main thread")
    return subprocess.Popen(
        run_as(identity, command, when_launcher_dies),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        process_group=0,
    )


def run_as(
    identity: str, command: Sequence[str | Path], when_launcher_dies: signal.Signals = signal.SIGKILL
) -> list[str]:
    """The command line that runs a command under that identity as a child of this process."""
    # Neither the user's settings nor installed packages: it starts in a hundredth of a second and depends on nothing.
    return [
        sys.executable, "-I", "-S", prelude.__file__,
        str(os.getpid()), str(int(when_launcher_dies)), identity,
        *(str(part) for part in command),
    ]  # fmt: skip


def stop(child: subprocess.Popen[bytes], how: signal.Signals, *, patience: float) -> bool:
    """Ask the child to end and wait; after `patience` seconds it is killed. True when it ended by itself."""
    if child.poll() is not None:
        return True
    child.send_signal(how)
    if _wait(child, patience):
        return True
    child.kill()
    child.wait()
    return False


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    # Popen.wait with a timeout polls with growing naps; a pidfd wakes at once.
    try:
        pidfd = os.pidfd_open(child.pid)
    except ProcessLookupError:
        child.wait()
        return True
    try:
        ended, _, _ = select.select([pidfd], [], [], seconds)
    finally:
        os.close(pidfd)
    if not ended:
        return False
    child.wait()
    return True


def follow_parent(number: signal.Signals) -> None:
    """Ask the kernel to signal this process when the one that started it dies, as `make` may."""
    prelude.signal_when_parent_dies(int(number))


async def ended(child: subprocess.Popen[bytes]) -> int:
    """Wait, without a thread and without polling, until the child has ended; returns its exit code."""
    if child.poll() is None:
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        pidfd = os.pidfd_open(child.pid)
        loop.add_reader(pidfd, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
    return child.wait()


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until a process that is not our child has ended. True when it has."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended, _, _ = select.select([pidfd], [], [], seconds)
    finally:
        os.close(pidfd)
    return bool(ended)
