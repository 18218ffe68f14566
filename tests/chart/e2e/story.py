"""What users and operators do with the release, through `tercet` and the public API over a port-forward."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chart.e2e.cluster import Cluster, run

DEMO_PASSWORD = "Sample-2026-Tercet"


class Story:
    """The command line of this checkout against the release."""

    def __init__(self, cluster: Cluster, keys: Path, place: Path) -> None:
        self._cluster = cluster
        self._keys = keys
        self._home = place / "home"

    def tercet(self, *arguments: str, url: str = "", password: str = "") -> str:
        """What the command prints; its sign-ins are kept in a folder of this run."""
        os.environ.update(XDG_CONFIG_HOME=str(self._home), TERCET_URL=url, TERCET_PASSWORD=password, COLUMNS="160")
        return run([str(Path(sys.executable).with_name("tercet")), *arguments], timeout=1800)

    def secret(self, key: str) -> str:
        """One value of the release's Secret."""
        data = self._cluster.get("secret", "tercet-secrets")[0]["data"]
        return base64.b64decode(data[key]).decode()

    def tenant(self, code: str, email: str, password: str) -> None:
        """A tenant with its administrator."""
        with self._cluster.forward("tercet-http", 9090) as (port,):
            self.tercet(
                "tenant", code, "--name", code, "--email", email, "--password", password,
                "--keys", str(self._keys), "--gateway", f"127.0.0.1:{port}",
            )  # fmt: skip

    def demo(self, leads: Path) -> str:
        """The sample company's week; what its table says of the import and of orders."""
        with self._cluster.forward("tercet-http", 80, 9090) as (http, grpc):
            shown = self.tercet(
                "demo", "--leads", str(leads), "--keys", str(self._keys), "--gateway", f"127.0.0.1:{grpc}",
                url=f"http://127.0.0.1:{http}",
            )  # fmt: skip
        rows = dict(re.findall(r"│ (Import|Orders|Converted) +│ (.+?) +│", shown))
        return "; ".join(f"{name.lower()} {text}" for name, text in rows.items())

    def imports(self, leads: Path) -> str:
        """The same file into the tenant of the tests."""
        with self._signed_in("helm-test", "helm-test@tercet.example") as url:
            shown = json.loads(self.tercet("import", str(leads), "--yes", "--country", "CN", "--json", url=url))
        return f"{shown['row_count']} rows, {shown['created_count']} leads, {shown['error_count']} refused"

    def check(self, tenant: str, email: str) -> str:
        """All invariants; Failed when one is broken."""
        with self._signed_in(tenant, email) as url:
            shown = self.tercet("check", "--wait", "120", url=url)
        return shown.strip().splitlines()[-1]

    def leads(self) -> set[str]:
        """The ids of all leads of the tenant of the tests."""
        found: set[str] = set()
        with self._signed_in("helm-test", "helm-test@tercet.example") as url:
            token = self.tercet("token", url=url).strip()
            page = ""
            while True:
                answer = _get(f"{url}/v1/leads?page_size=500&page_token={page}", token)
                items = answer.get("leads", [])
                assert len({item["id"] for item in items}) == len(items), "a page shows a lead twice"
                found |= {item["id"] for item in items}
                page = answer.get("next_page_token", "")
                if not page:
                    return found

    @contextmanager
    def _signed_in(self, tenant: str, email: str) -> Iterator[str]:
        password = DEMO_PASSWORD if tenant == "sample" else self.secret("test-password")
        with self._cluster.forward("tercet-http", 80) as (port,):
            url = f"http://127.0.0.1:{port}"
            self.tercet("token", "--tenant", tenant, "--email", email, url=url, password=password)
            yield url


def _get(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found
