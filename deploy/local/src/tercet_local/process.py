"""Child processes that cannot outlive the launcher."""

from __future__ import annotations

import asyncio
import ctypes
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
# Loaded here and not in the child: between fork and exec nothing may import or take a lock.
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    when_launcher_dies: signal.Signals,
    become: Callable[[], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a direct child that the kernel signals when this process ends, however it ends.

    `become` runs in the child first and may change who it is; the death signal is set after it because changing
    credentials clears it. Refused off the main thread: the kernel ties the signal to the *thread* that forked.
    The child gets a process group of its own, so that Ctrl-C reaches only the launcher, which then stops all in order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are tied to the thread that starts them: start them from the main thread")
    launcher = os.getpid()

    def in_child() -> None:
        if become is not None:
            become()
        _libc.prctl(_PR_SET_PDEATHSIG, int(when_launcher_dies), 0, 0, 0)
        if os.getppid() != launcher:  # it died before the line above took effect
            os._exit(1)

    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        process_group=0,
        preexec_fn=in_child,
    )


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
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


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


def unshare_user_namespace() -> None:
    """Move the calling process into a new user namespace, all capabilities of the old one given up."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
