"""The five services as processes: what each is called, told and asked."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tercet_local import ports
from tercet_local.errors import StartFailed
from tercet_local.folder import DataFolder
from tercet_local.postgres import PostgresInfo
from tercet_local.provisioning import SERVICES


@dataclass(frozen=True)
class Service:
    """One service: its name in addresses and its Python package."""

    name: str
    module: str

    def command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", self.module, verb]

    def check_installed(self) -> None:
        """Refused when the package is not installed."""
        if find_spec(self.module) is None:
            raise StartFailed(self.name, f"the package tercet-{self.name} is not installed; run `make setup`.")

    def head_revision(self) -> str | None:
        """The newest migration in the package's folder, or None when that cannot be told without running it."""
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            return None
        package = Path(spec.origin).parent
        # Beside `src` in a checkout, inside the package once installed from a wheel.
        for folder in (package.parents[1] / "migrations" / "versions", package / "migrations" / "versions"):
            if folder.is_dir():
                return head_of(folder)
        return None


ALL = tuple(Service(name, "tercet_" + name.replace("-", "_")) for name in SERVICES)


def port_names() -> list[str]:
    """Every port of the system by name."""
    return ["http", "postgres", "nats", "nats-monitor", *SERVICES, *(f"{name}-metrics" for name in SERVICES)]


@dataclass(frozen=True)
class Surroundings:
    """What the services share: servers, ports, keys."""

    folder: DataFolder
    postgres: PostgresInfo
    nats_url: str
    ports: Mapping[str, int]
    names: Sequence[str]
    log_level: str = "INFO"

    @property
    def encryption_keys(self) -> dict[str, str]:
        """What seals secrets at rest."""
        return {"local-1": self.folder.secret("encryption")}

    def grpc_address(self, service: str) -> str:
        return f"{ports.HOST}:{self.ports[service]}"

    def environment(self, service: str) -> dict[str, str]:
        """The whole environment of a serving process; the chassis reads nothing else."""
        peers = ",".join(f"{name}={self.grpc_address(name)}" for name in self.names)
        environment = {
            **os.environ,
            # A proxy set for the outside must not stand between processes on the loopback interface.
            "no_proxy": _no_proxy(),
            "NO_PROXY": _no_proxy(),
            "PYTHONUNBUFFERED": "1",
            "TERCET_SERVICE": service,
            "TERCET_DATABASE_URL": self.postgres.app_dsn(service),
            "TERCET_NATS_URL": self.nats_url,
            "TERCET_GRPC_ADDRESS": self.grpc_address(service),
            "TERCET_METRICS_PORT": str(self.ports[f"{service}-metrics"]),
            "TERCET_PEERS": peers,
            "TERCET_KEYS_DIR": str(self.folder.keys),
            "TERCET_ENVIRONMENT": "development",
            "TERCET_LOG_LEVEL": self.log_level,
        }
        if service in ("gateway", "marketing"):
            environment["TERCET_ENCRYPTION_KEYS"] = ",".join("=".join(pair) for pair in self.encryption_keys.items())
        if service in ("marketing", "service-desk"):
            environment.setdefault("TERCET_PUBLIC_URL", f"http://{ports.HOST}:{self.ports['http']}")
        if service == "gateway":
            environment["TERCET_HTTP_ADDRESS"] = f"{ports.HOST}:{self.ports['http']}"
        return environment

    def migrating_environment(self, service: str) -> dict[str, str]:
        """The same with the owner's rights, which a serving process never has."""
        return self.environment(service) | {"TERCET_DATABASE_OWNER_URL": self.postgres.owner_dsn(service)}


def _no_proxy() -> str:
    known = [part for part in os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")).split(",") if part]
    return ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))


def head_of(folder: Path) -> str | None:
    """The revision that no other one follows, read without importing the migrations."""
    revisions: dict[str, object] = {}
    for file in folder.glob("*.py"):
        found = _assigned(file, "revision", "down_revision")
        if isinstance(found.get("revision"), str):
            revisions[str(found["revision"])] = found.get("down_revision")
    heads = set(revisions) - {parent for parent in revisions.values() if isinstance(parent, str)}
    return heads.pop() if len(heads) == 1 else None


def _assigned(file: Path, *names: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        targets: Sequence[ast.expr] = ()
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = (statement.target,)
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and target.id in names and isinstance(value, ast.Constant):
                found[target.id] = value.value
    return found
