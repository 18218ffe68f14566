"""Runs the floor on an own PostgreSQL and measures it: the denominators of every ratio."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import load
from tercet_local.postgres import Postgres

BODY = b'{"name": "\xe7\x8e\x8b\xe8\x8a\xb3", "mobile": "13812345678", "city": "\xe4\xb8\x8a\xe6\xb5\xb7"}'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


@contextmanager
def running() -> Iterator[str]:
    """PostgreSQL, backend and front, one process each; gives the front's address."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(Path(folder))
        dsn = postgres.start().superuser_dsn
        back, front = _free_port(), _free_port()
        processes = [subprocess.Popen([sys.executable, "-m", "benchmarks.floor.backend", str(back), dsn])]
        try:
            _await_port(back)
            processes.append(
                subprocess.Popen([sys.executable, "-m", "benchmarks.floor.front", str(front), f"127.0.0.1:{back}"])
            )
            _await_port(front)
            yield f"127.0.0.1:{front}"
        finally:
            for process in processes:
                process.kill()
                process.wait()
            postgres.remove()


def measure(seconds: float = 4.0) -> dict[str, load.Result]:
    """Requests a second of echo, of echo through gRPC, and of a committed INSERT; 16 connections."""
    results = {}
    with running() as address:
        for name in ("echo", "grpc", "insert"):
            make = partial(_request, f"/{name}")
            asyncio.run(load.run(address, make, seconds=1.0))
            results[name] = asyncio.run(load.run(address, make, seconds=seconds))
    return results


def _request(path: str, _: int) -> tuple[str, str, bytes]:
    return "POST", path, BODY


if __name__ == "__main__":
    for name, result in measure().items():
        print(f"{name:8} {result}")
