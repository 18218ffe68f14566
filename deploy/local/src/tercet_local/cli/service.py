"""`service`: one service's own commands, with the environment the launcher would give it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tercet_local.cli.local import Data
from tercet_local.errors import LocalError
from tercet_local.folder import DEFAULT, DataFolder
from tercet_local.keys import ensure_keys
from tercet_local.nats import Nats
from tercet_local.ports import Ports
from tercet_local.postgres import Postgres
from tercet_local.provisioning import SERVICES
from tercet_local.services import ALL, Surroundings, port_names


def register(app: typer.Typer) -> None:
    app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(service)


def service(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Service: " + ", ".join(SERVICES) + ".")],
    command: Annotated[str, typer.Argument(help="migrate, check-migrations, new-migration or serve.")],
    data: Data = DEFAULT,
) -> None:
    """Run one service's own command, for developers: `tercet service leads new-migration "add grade"`.

    It gets the same environment as under `tercet up`, and the table owner's rights beside. PostgreSQL is started for it
    when the system is not running. To work on a service in a debugger, stop it there and run `serve` here.
    """
    found = next((known for known in ALL if known.name == name), None)
    if found is None:
        raise LocalError(f"There is no service {name!r}; there are {', '.join(SERVICES)}.")
    found.check_installed()
    with surroundings_of(data) as surroundings:
        line = [*found.command(command), *context.args]
        done = subprocess.run(line, env=surroundings.migrating_environment(name), check=False)
    raise typer.Exit(done.returncode)


@contextmanager
def surroundings_of(data: Path) -> Iterator[Surroundings]:
    """PostgreSQL and what services are told, of the system that runs on the folder, or else started for the block."""
    folder = DataFolder(data)
    folder.prepare()
    ports = Ports(folder.path / "ports.json")
    postgres, nats = Postgres(folder), Nats(folder)
    ensure_keys(folder.keys, SERVICES)
    if folder.holder() is not None:
        numbers = ports.all()
        yield Surroundings(folder, postgres.info(numbers["postgres"]), nats.url(numbers["nats"]), numbers, SERVICES)
        return
    folder.lock()
    try:
        info = postgres.start()
        numbers = {name: ports.get(name) for name in port_names()} | {"postgres": info.port}
        yield Surroundings(folder, info, nats.url(numbers["nats"]), numbers, SERVICES)
    finally:
        postgres.stop()
        folder.unlock()
