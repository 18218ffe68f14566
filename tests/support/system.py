"""The whole real system as a process of its own, to be killed in parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx2

from support.launchers import Launcher
from tercet_chassis.testing import eventually
from tercet_local import ports
from tercet_local.process import wait_gone

_LOG = "launcher.log"


class System:
    """`tercet up` on a data folder, and the command line beside it."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home / "data"
        self.port = ports.pick()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "XDG_CONFIG_HOME": str(home / "config"), "TERCET_URL": self.url}
        self._launcher: subprocess.Popen[str] | None = None

    async def start(self, within: float = 180.0) -> None:
        """Starts it, again too, and waits until it is ready."""
        with (self.home / _LOG).open("a") as log:
            command = self.command("up", "--data", str(self.folder), "--port", str(self.port), "--end-with-parent")
            # A start of a process does not wait; asyncio's own would reap it behind our back.
            self._launcher = subprocess.Popen(  # noqa: ASYNC220
                command, stdout=log, stderr=log, text=True, env=self._environment
            )
        await self.ready(within)

    async def ready(self, within: float = 120.0) -> None:
        """Waits until every part is reachable through the front door."""
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=10) as http:

            async def answers() -> bool:
                assert self._launcher is not None
                assert self._launcher.poll() is None, f"the launcher ended:\n{self.said()}"
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await eventually(answers, within=within, hint=f"the system is not ready\n{self.said()}")

    def said(self) -> str:
        """What the launcher has printed."""
        return (self.home / _LOG).read_text()

    def command(self, *arguments: str) -> list[str]:
        """A command line of `tercet`."""
        return [sys.executable, "-m", "tercet_local.cli.main", *arguments]

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command beside the system."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )

    def run(self, *arguments: str, ok: Sequence[int] = (0,)) -> str:
        """Runs a command to its end and gives what it printed."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self._environment, check=False
        )
        assert done.returncode in ok, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def kill(self, part: str) -> None:
        """`kill -9` of a service or server; of everything when the launcher goes."""
        assert self._launcher is not None
        launcher = Launcher(self._launcher, self.folder, self.port)
        if part != "launcher":
            found = launcher.children()
            # It may be on its way up from an earlier blow.
            if part in found:
                os.kill(found[part], signal.SIGKILL)
            return
        family = launcher.family()
        self._launcher.kill()
        self._launcher.wait()
        for pid in family:
            assert wait_gone(pid, 20), f"process {pid} outlived the launcher"

    def stop(self) -> None:
        """Ends it in order."""
        if self._launcher is not None and self._launcher.poll() is None:
            self._launcher.send_signal(signal.SIGTERM)
            self._launcher.wait(60)
