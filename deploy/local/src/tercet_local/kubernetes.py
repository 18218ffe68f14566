"""What the Helm chart reads from Secrets: keys of the services, passwords, addresses."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tercet_local.errors import LocalError
from tercet_local.folder import write_private
from tercet_local.keys import ensure_keys
from tercet_local.provisioning import SERVICES, app_role, database_name, owner_role, provision

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Placement:
    """A release and where it is."""

    release: str
    namespace: str
    secret_name: str
    cluster_domain: str = "cluster.local"

    @property
    def name(self) -> str:
        """What the chart puts before the names of its objects."""
        return self.release if "tercet" in self.release else f"{self.release}-tercet"

    def host(self, service: str) -> str:
        """The name under which a Service of the release is found."""
        return f"{self.name}-{service}.{self.namespace}.svc.{self.cluster_domain}"

    def postgres_host(self, mode: str) -> str:
        """Where the release's own PostgreSQL listens; CloudNativePG names its Service for writing `-rw`."""
        return f"{self.host('postgres-rw' if mode == 'cnpg' else 'postgres')}:5432"


def manifests(
    placement: Placement, database_host: str, nats_address: str, nats_replicas: int, keys: Path, roles: bool = False
) -> list[Manifest]:
    """The Secret of a release with everything new; beside it one for each database role, as CloudNativePG takes them,
    where `roles` says so.
    """
    passwords = {role: secrets.token_hex(24) for name in SERVICES for role in (app_role(name), owner_role(name))}
    values = {
        **_keys(keys),
        **_databases(database_host, passwords),
        **_nats(placement, nats_address, nats_replicas),
        "encryption-keys": f"first={secrets.token_hex(32)}",
        "test-tenant": "helm-test",
        "test-email": "helm-test@tercet.example",
        "test-password": secrets.token_urlsafe(18),
    }
    of_roles = [
        _secret(
            placement,
            f"{placement.secret_name}-{role.replace('_', '-')}",
            {"username": role, "password": password},
            "kubernetes.io/basic-auth",
        )
        for role, password in passwords.items()
        if roles
    ]
    return [_secret(placement, placement.secret_name, values), *of_roles]


def write_keys(file: Path, folder: Path) -> None:
    """Puts the services' keys from a file of manifests into a folder. Refuses a file that holds none."""
    try:
        items = json.loads(file.read_text(encoding="utf-8"))["items"]
        values = next(item["stringData"] for item in items if "jwks.json" in item.get("stringData", {}))
    except (OSError, ValueError, KeyError, StopIteration) as wrong:
        raise LocalError(f"{file} holds no keys; name the file that `tercet secrets` wrote.") from wrong
    for name, text in values.items():
        if name == "jwks.json" or name.endswith(".private.jwk"):
            write_private(folder / name, text)


def _secret(placement: Placement, name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": placement.namespace},
        "type": kind,
        "stringData": dict(values),
    }


def _keys(folder: Path) -> dict[str, str]:
    ensure_keys(folder, SERVICES)
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


def _databases(host: str, passwords: Mapping[str, str]) -> dict[str, str]:
    def dsn(role: str, service: str) -> str:
        return f"postgresql://{role}:{quote(passwords[role])}@{host}/{database_name(service)}"

    return {
        "postgres-password": secrets.token_hex(24),
        "provision.sql": "".join(provision(service, passwords.__getitem__) for service in SERVICES),
        **{f"{service}.database-url": dsn(app_role(service), service) for service in SERVICES},
        **{f"{service}.database-owner-url": dsn(owner_role(service), service) for service in SERVICES},
    }


def _nats(placement: Placement, address: str, replicas: int) -> dict[str, str]:
    client, route = secrets.token_hex(24), secrets.token_hex(24)
    service = placement.host("nats")
    peers = ", ".join(
        f"nats-route://route:{route}@{placement.name}-nats-{number}.{service}:6222" for number in range(replicas)
    )
    return {
        "nats-url": address or f"nats://tercet:{client}@{service}:4222",
        "nats.conf": f'authorization {{ user: "tercet", password: "{client}" }}\n',
        "nats-routes.conf": f'authorization {{ user: "route", password: "{route}" }}\nroutes: [{peers}]\n',
    }
