"""`secrets`: writes the Secret that the Helm chart reads; the chart itself makes up none."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tercet_local.cli.output import console
from tercet_local.errors import LocalError
from tercet_local.folder import write_private
from tercet_local.kubernetes import Placement, manifests


class Postgres(StrEnum):
    """Where PostgreSQL is, as the chart's `postgres.mode` says."""

    EMBEDDED = "embedded"
    CNPG = "cnpg"
    EXTERNAL = "external"


def register(app: typer.Typer) -> None:
    app.command("secrets")(secrets)


def secrets(
    out: Annotated[Path, typer.Option(help="File to write, readable by its owner alone; for `kubectl apply -f`.")],
    release: Annotated[str, typer.Option(help="Name of the Helm release.")] = "tercet",
    namespace: Annotated[str, typer.Option(help="Namespace of the release.")] = "tercet",
    name: Annotated[str, typer.Option(help="Name of the Secret, as `secrets.name` of the chart.")] = "tercet-secrets",
    postgres: Annotated[Postgres, typer.Option(help="As `postgres.mode` of the chart.")] = Postgres.EXTERNAL,
    database_host: Annotated[str, typer.Option(help="Host and port of an external PostgreSQL.")] = "",
    nats_address: Annotated[str, typer.Option(help="Address of an external NATS, with user and password.")] = "",
    nats_replicas: Annotated[int, typer.Option(help="As `nats.replicas` of the chart.")] = 3,
    cluster_domain: Annotated[str, typer.Option(help="As `clusterDomain` of the chart.")] = "cluster.local",
) -> None:
    """Write keys, passwords and addresses for a Helm release, all new; a file that is there is kept and refused."""
    if out.exists():
        raise LocalError(f"{out} is there already; new keys would lock the release out; name another file.")
    if postgres is Postgres.EXTERNAL and not database_host:
        raise LocalError("An external PostgreSQL needs --database-host HOST:PORT.")
    placement = Placement(release, namespace, name, cluster_domain)
    host = database_host or placement.postgres_host(postgres.value)
    with TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        made = manifests(placement, host, nats_address, nats_replicas, keys, roles=postgres is Postgres.CNPG)
    write_private(out, json.dumps({"apiVersion": "v1", "kind": "List", "items": made}, indent=1) + "\n")
    console.print(
        f"Wrote {out}: apply it with `kubectl apply -f {out}`, and keep it where backups of secrets are kept."
    )
    if postgres is Postgres.EXTERNAL:
        console.print("Roles and databases: run `provision.sql` of the Secret once with psql as superuser.")
