"""Ports on the loopback interface: which are free, and which we had last time."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tercet_local.errors import PortTaken

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port whose last connections linger in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def pick() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Ports:
    """Ports by name, the same ones at the next start unless somebody else took them meanwhile."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = {}
        try:
            stored = json.loads(file.read_text())
        except FileNotFoundError:
            stored = {}
        except ValueError:  # a half-written list costs us only the memory of it
            stored = {}
        if isinstance(stored, dict):
            self._known = {str(name): port for name, port in stored.items() if isinstance(port, int)}
        self._given: set[int] = set()

    def get(self, name: str) -> int:
        """The remembered port when it is still free, else a new one; never the same for two names."""
        port = self._known.get(name)
        if port is None or port in self._given or not is_free(port):
            port = pick()
            while port in self._given:
                port = pick()
        self._given.add(port)
        self._known[name] = port
        return port

    def fix(self, name: str, port: int) -> int:
        """Take exactly this port. Refused when it is taken."""
        if not is_free(port):
            raise PortTaken(port, name)
        self._given.add(port)
        self._known[name] = port
        return port

    def all(self) -> dict[str, int]:
        return dict(self._known)

    def save(self) -> None:
        self._file.write_text(json.dumps(self._known, indent=2) + "\n")
