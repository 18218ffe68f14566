"""`up`, `down` and `status`: the system on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tercet_local.cli.output import AsJson, console, show_json, show_rows
from tercet_local.errors import LocalError
from tercet_local.folder import DEFAULT, DataFolder
from tercet_local.ports import HOST
from tercet_local.process import follow_parent, wait_gone
from tercet_local.status import read_status
from tercet_local.supervisor import Supervisor

Data = Annotated[Path, typer.Option("--data", envvar="TERCET_DATA", help="Folder that holds everything.")]


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    data: Data = DEFAULT,
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the REST API.")] = 8080,
    log_level: Annotated[str, typer.Option(envvar="TERCET_LOG_LEVEL", help="How much the services log.")] = "INFO",
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Bring the sample company to the end of its week first, as `tercet demo` does."),
    ] = False,
    end_with_parent: Annotated[
        bool, typer.Option("--end-with-parent", hidden=True, help="Stop when the process that started this one dies.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start PostgreSQL, NATS and the five services, and serve until Ctrl-C.

    Ctrl-C or SIGTERM ends all in order; a second Ctrl-C does not wait for work in progress.
    """
    if end_with_parent:
        follow_parent(signal.SIGTERM)
    folder = DataFolder(data)

    def say(line: str) -> None:
        if not as_json:
            console.print(line, style="dim", markup=False)

    supervisor = Supervisor(folder, http_port=port, log_level=log_level, say=say)
    sample = ["--data", str(folder.path), "--url", f"http://{HOST}:{port}"] if demo else None
    asyncio.run(serve(supervisor, folder, port, as_json, sample))


async def serve(
    supervisor: Supervisor, folder: DataFolder, port: int, as_json: bool, sample: list[str] | None = None
) -> None:
    """Start, announce, play the sample, and stop when a signal asks for it. Refused as `Supervisor.start` is."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            supervisor.hurry()
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    starting = asyncio.create_task(supervisor.start())
    interrupted = asyncio.create_task(asked.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return
    await starting
    _announce(folder, port, as_json)
    if sample is not None:
        await _play(sample, interrupted)
    await interrupted
    if not as_json:
        console.print("Stopping …", style="dim")
    await supervisor.stop()


async def _play(arguments: list[str], interrupted: asyncio.Task[bool]) -> None:
    # A process of its own: the launcher keeps looking after the services meanwhile.
    player = await asyncio.create_subprocess_exec(sys.executable, "-m", "tercet_local.cli.main", "demo", *arguments)
    ended = asyncio.create_task(player.wait())
    await asyncio.wait({ended, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        player.terminate()
        await ended
    elif player.returncode:
        console.print("The sample did not come to its end; start again to go on where it stopped.", style="yellow")
    else:
        console.print("Serving until Ctrl-C.", style="dim")


def _announce(folder: DataFolder, port: int, as_json: bool) -> None:
    api = f"http://127.0.0.1:{port}"
    if as_json:
        show_json({"api": api, "data": str(folder.path), "pid": os.getpid()})
        return
    console.print(f"\n[bold]Tercet is up.[/]  API [cyan]{api}[/]  docs [cyan]{api}/docs[/]  logs {folder.logs}")
    console.print("Ctrl-C stops it.", style="dim")


def down(data: Data = DEFAULT) -> None:
    """Stop the system that runs on the data folder, and wait until it has ended."""
    holder = DataFolder(data).holder()
    if holder is None:
        console.print("Nothing is running here.")
        return
    os.kill(holder, signal.SIGTERM)
    if not wait_gone(holder, 90):
        raise LocalError(
            f"Process {holder} has not ended within 90 s; `kill -9 {holder}` ends it and all its children."
        )
    console.print("Stopped.")


def status(data: Data = DEFAULT, as_json: AsJson = False) -> None:
    """Show what runs, where, and whether it is ready. Exit code 3 when it does not run."""
    folder = DataFolder(data)
    parts = asyncio.run(read_status(folder))
    rows: list[dict[str, Any]] = [part.as_row() for part in parts]
    show_rows("", ("part", "state", "address", "pid", "memory_mib"), rows, as_json)
    if folder.holder() is None:
        raise typer.Exit(3)
