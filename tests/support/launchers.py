"""Launchers in their own process, on data folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tercet_local import ports
from tercet_local.process import wait_gone

TESTS = Path(__file__).parents[1]


@dataclass
class Launcher:
    """A running `support.launcher`."""

    process: subprocess.Popen[str]
    folder: Path
    http_port: int

    def note(self, service: str) -> dict[str, str]:
        """The environment the service was started with."""
        return dict(json.loads((self.folder / "notes" / f"{service}.json").read_text()))

    def ports(self) -> dict[str, int]:
        return dict(json.loads((self.folder / "ports.json").read_text()))

    def children(self) -> dict[str, int]:
        """The launcher's children: servers by program name, services by their name."""
        found = {}
        for pid in children_of(self.process.pid):
            try:
                program = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0].rsplit("/", 1)[-1]
                environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            named = [entry.split("=", 1)[1] for entry in environment if entry.startswith("TERCET_SERVICE=")]
            found[named[0] if named else program] = pid
        return found

    def family(self) -> list[int]:
        """All processes below the launcher."""
        found, todo = [], [self.process.pid]
        while todo:
            below = children_of(todo.pop())
            found += below
            todo += below
        return found

    def stderr(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def read_document(stream: IO[str] | None) -> dict[str, Any] | None:
    """The one JSON document that the launcher prints when all is ready; None when it ended without."""
    assert stream is not None
    text = ""
    for line in stream:
        text += line
        if line.startswith("}"):
            return dict(json.loads(text))
    return None


class Launchers:
    """Starts launchers and sees to it that none is left."""

    def __init__(self) -> None:
        self._started: list[Launcher] = []

    def begin(self, folder: Path, http_port: int | None = None, *, under: str = "", **environment: str) -> Launcher:
        """Start one without waiting; `under` a shell when that is the shell's script, its `"$@"` the launcher."""
        port = http_port or ports.pick()
        command = [sys.executable, "-m", "support.launcher", str(folder), str(port)]
        process = subprocess.Popen(
            ["sh", "-c", under, "sh", *command] if under else command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS), **environment},
        )
        launcher = Launcher(process, folder, port)
        self._started.append(launcher)
        return launcher

    def up(self, folder: Path, http_port: int | None = None, *, under: str = "") -> Launcher:
        """Start one and wait until it says that all is ready."""
        launcher = self.begin(folder, http_port, under=under)
        if read_document(launcher.process.stdout) is None:
            pytest.fail(launcher.stderr())
        return launcher

    def end(self) -> None:
        for launcher in self._started:
            if launcher.process.poll() is None:
                family = launcher.family()
                launcher.process.kill()
                launcher.process.wait()
                for pid in family:
                    wait_gone(pid, 10)
            launcher.process.communicate()
