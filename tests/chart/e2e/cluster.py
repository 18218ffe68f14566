"""The cluster that KUBECONFIG names, through kubectl and helm."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[3] / "deploy" / "helm" / "tercet"
RELEASE = "tercet"


class Failed(Exception):
    """A command ended with an error, or what was waited for did not come."""


def run(command: Sequence[str], *, stdin: str | None = None, timeout: float = 600, check: bool = True) -> str:
    """What a command prints. Failed with what it said."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        raise Failed(f"{' '.join(command[:6])} …: {done.stderr.strip()[-3000:] or done.stdout.strip()[-3000:]}")
    return done.stdout


def wait_until(what: str, holds: Callable[[], bool], seconds: float = 180) -> None:
    """Waits until it holds; Failed with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(1)


class Cluster:
    """One namespace of it, in which the release lives."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        beside = Path(sys.executable).with_name("helm")
        self._helm = str(beside) if beside.exists() else "helm"
        if shutil.which("kubectl") is None:
            raise Failed("kubectl is not on PATH")

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 600, check: bool = True) -> str:
        return run(["kubectl", "--namespace", self.namespace, *arguments], stdin=stdin, timeout=timeout, check=check)

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get` finds."""
        found = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        items: list[dict[str, Any]] = found.get("items", [found])
        return items

    def helm(self, *arguments: str, timeout: float = 900) -> str:
        return run([self._helm, "--namespace", self.namespace, *arguments], timeout=timeout)

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(manifest))

    def pods(self, component: str = "") -> list[dict[str, Any]]:
        """The release's running pods that are not on their way out."""
        chosen = f"app.kubernetes.io/instance={RELEASE}" + (
            f",app.kubernetes.io/component={component}" if component else ""
        )
        found = self.get("pods", "--selector", chosen, "--field-selector", "status.phase=Running")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def settle(self, seconds: float = 300) -> None:
        """Waits until every Deployment and StatefulSet is rolled out."""
        for kind in ("deployments", "statefulsets"):
            for found in self.get(kind, "--selector", f"app.kubernetes.io/instance={RELEASE}"):
                name = f"{kind}/{found['metadata']['name']}"
                self.kubectl("rollout", "status", name, f"--timeout={seconds:.0f}s", timeout=seconds + 30)

    @contextmanager
    def forward(self, service: str, *ports: int) -> Iterator[list[int]]:
        """Local ports that lead to a Service's, for as long as the block runs."""
        chosen = [_free_port() for _ in ports]
        pairs = [f"{local}:{remote}" for local, remote in zip(chosen, ports, strict=True)]
        command = ["kubectl", "--namespace", self.namespace, "port-forward", f"service/{service}", *pairs]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(f"port-forward to {service}", lambda: all(map(_listens, chosen)), 30)
            yield chosen
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
