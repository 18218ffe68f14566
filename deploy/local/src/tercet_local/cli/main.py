"""The entry point: puts the groups together and turns refusals into one clear line."""

from __future__ import annotations

import sys

import typer

from tercet_local.cli import (
    backup,
    check,
    demo,
    events,
    export,
    imports,
    local,
    rotation,
    secrets,
    service,
    session,
    tenant,
)
from tercet_local.cli.output import fail
from tercet_local.errors import LocalError

app = typer.Typer(
    name="tercet",
    help="Tercet, the CRM that joins marketing, sales and service. `up` runs the whole system on this machine; "
    "all else speaks the REST API at TERCET_URL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (local, backup, demo, tenant, session, check, imports, export, events, service, secrets, rotation):
    group.register(app)


def main() -> None:
    """Run the command; a refusal is printed and ends with exit code 1."""
    try:
        app()
    except LocalError as error:
        sys.exit(fail(str(error)))


if __name__ == "__main__":
    main()
