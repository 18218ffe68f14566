"""What a child runs before its program: it becomes who it shall be and ties its life to the launcher's.

A program of its own, run by its path with the standard library alone. Code between fork and exec would be shorter, but
a launcher with threads must not run any there: a library's fork handlers may start threads in the child, and a process
with threads can enter no user namespace.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing these for real would take longer than all the rest
    from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace(inside: int) -> None:
    """Move this process into a new user namespace, where root outside is the account `inside`, without any right."""
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inside} 0 1")
    _write("/proc/self/gid_map", f"{inside} 0 1")


def become_account(uid: int, gid: int) -> None:
    """Give up root for an ordinary account and its group."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def signal_when_parent_dies(number: int) -> None:
    """Ask the kernel to signal this process when the thread that started it ends. Changing credentials undoes it."""
    _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


_IDENTITIES: dict[str, Callable[..., None]] = {
    "same": lambda: None,
    "namespace": enter_namespace,
    "account": become_account,
}


def main(arguments: Sequence[str]) -> None:
    """`LAUNCHER SIGNAL IDENTITY PROGRAM ...`, an identity being `same`, `namespace:UID` or `account:UID:GID`.

    Ends with 126 when it may not become that identity, 127 when there is no such program; standard error says why.
    """
    launcher, number, identity, *command = arguments
    kind, *numbers = identity.split(":")
    try:
        _IDENTITIES[kind](*map(int, numbers))
    except OSError as error:
        sys.exit(_refuse(126, f"cannot run as {identity}: {error}"))
    signal_when_parent_dies(int(number))
    if os.getppid() != int(launcher):  # it died before the line above took effect
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(_refuse(127, f"cannot run {command[0]}: {error}"))


def _refuse(code: int, reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return code


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


if __name__ == "__main__":
    main(sys.argv[1:])
