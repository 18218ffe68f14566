"""The load, as a pod of the cluster, and what became of its requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chart.e2e.cluster import RELEASE, Cluster, Failed, wait_until

NAME = "tercet-e2e-load"
SCRIPT = Path(__file__).with_name("load.py")
PYTHON = "/opt/tercet/bin/python"


class Result:
    """What the load tells at its end."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self.failures: list[str] = []
        self.created: set[str] = set()

    def take(self, what: str, value: Any) -> None:
        """One line of it."""
        if what == "figures":
            self.figures = value
        elif what == "failure":
            self.failures.append(value)
        else:
            self.created.update(value)

    def __str__(self) -> str:
        answers = self.figures["answers"]
        kinds = ", ".join(f"{answers[key]} {key}" for key in sorted(answers))
        times = ", ".join(f"{name} {self.figures[f'{name}_ms']} ms" for name in ("p50", "p99", "longest"))
        return f"{sum(answers.values())} requests ({kinds}), {times}"


class Traffic:
    """From `start` until `stop`."""

    def __init__(self, cluster: Cluster, image: str, workers: int) -> None:
        self._cluster = cluster
        self._image = image
        self._workers = workers

    def start(self) -> None:
        """Begins, and returns once requests are answered."""
        self._cluster.apply(self._object("ConfigMap", "v1", data={"load.py": SCRIPT.read_text(encoding="utf-8")}))
        self._cluster.apply(self._object("Pod", "v1", spec=self._pod()))
        wait_until("the load's first requests", lambda: self._done() > 20, 120)

    def progress(self) -> str:
        """The last line it wrote."""
        return self._cluster.kubectl("logs", NAME, "--tail=1", check=False).strip()

    def wait_for_more(self, requests: int) -> None:
        """Waits until so many more requests were answered."""
        wanted = self._done() + requests
        wait_until(f"{requests} more requests", lambda: self._done() >= wanted, 180)

    def stop(self) -> Result:
        """Ends it and gives its result."""
        self._cluster.kubectl("exec", NAME, "--", PYTHON, "-c", "open('/tmp/stop', 'w').close()")
        self._cluster.kubectl("wait", f"pod/{NAME}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
        result = Result()
        for line in self._cluster.kubectl("logs", NAME).splitlines():
            if line.startswith("RESULT "):
                _, what, text = line.split(" ", 2)
                result.take(what, json.loads(text))
        self._cluster.kubectl("delete", "pod,configmap", NAME)
        return result

    def _done(self) -> int:
        first = self.progress().partition(" ")[0]
        phase = self._cluster.get("pod", NAME)[0]["status"]["phase"]
        if phase == "Failed":
            raise Failed(f"the load ended: {self._cluster.kubectl('logs', NAME, '--tail=20')}")
        return int(first) if first.isdigit() else 0

    def _object(self, kind: str, version: str, **parts: Any) -> dict[str, Any]:
        # Labelled as the chart's own tests, which NetworkPolicies let reach the gateway.
        labels = {
            "app.kubernetes.io/name": "tercet",
            "app.kubernetes.io/instance": RELEASE,
            "app.kubernetes.io/component": "tests",
        }
        return {"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "labels": labels}, **parts}

    def _pod(self) -> dict[str, Any]:
        items = [{"key": f"test-{name}", "path": name} for name in ("tenant", "email", "password")]
        return {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "load",
                    "image": self._image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": [PYTHON, "/load/load.py"],
                    "env": [
                        {"name": "TERCET_URL", "value": f"http://tercet-http.{self._cluster.namespace}"},
                        {"name": "WORKERS", "value": str(self._workers)},
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "script", "mountPath": "/load"},
                        {"name": "secrets", "mountPath": "/run/tercet", "readOnly": True},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "script", "configMap": {"name": NAME}},
                {"name": "secrets", "secret": {"secretName": "tercet-secrets", "items": items, "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {}},
            ],
        }
