"""`import`: a file of leads, looked at first, then taken in, and taken back if need be."""

from __future__ import annotations

import mimetypes
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tercet_local.cli.api import DEFAULT_URL, Api, Url
from tercet_local.cli.output import AsJson, console, errors, show_json, show_rows
from tercet_local.errors import LocalError

_PAUSE_SECONDS = 0.3
_COUNTS = ("row_count", "created_count", "touched_count", "junk_count", "error_count")


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX file of leads.")] = None,
    undo: Annotated[str | None, typer.Option("--undo", metavar="ID", help="Take this import back instead.")] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Read a column into another lead field.")
    ] = None,
    source: Annotated[str, typer.Option(help="Code of the source of rows that name none.")] = "",
    country: Annotated[str, typer.Option(help="Country whose phone numbers are meant, such as CN.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone of times that name none; yours when left out.")] = "",
    automations: Annotated[
        bool, typer.Option("--automations", help="Let the rows count as live, so that campaigns run on them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask after the preview.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only show how the file would be read.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Take a file of leads in: it is uploaded and looked at, its mapping shown, and run when you agree.

    A run that is cut off goes on by itself in the system; no row is taken twice. `--undo ID` takes an import back.
    """
    if (file is None) == (undo is None):
        raise typer.BadParameter("name a file to take in, or --undo ID")
    api = Api(url)
    if undo is not None:
        _show_undone(_followed(api, f"/v1/imports/{undo}:undo", "Taking back"), as_json)
        return
    assert file is not None
    wanted = {"source_code": source, "country_code": country, "time_zone": zone, "automations": automations}
    made = _looked_at(api, file, {name: value for name, value in wanted.items() if value}, map_ or [])
    if not as_json or preview:
        _show_preview(api, made, as_json)
    if preview:
        return
    if not (yes or as_json) and not typer.confirm("Take it in?", err=True):
        raise LocalError(f"Nothing was taken in. `tercet import {file} --map COLUMN=FIELD` reads it otherwise.")
    _followed(api, f"/v1/imports/{made['id']}:run", "Taking in")
    _show_done(api.get(f"/v1/imports/{made['id']}"), as_json)


def _looked_at(api: Api, file: Path, wanted: dict[str, Any], mapped: list[str]) -> dict[str, Any]:
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    stored = api.upload("leads", file, media_type)
    made = api.post("/v1/imports", {**wanted, "file_id": stored["id"]})
    if not mapped:
        return made
    fields = dict(_pair(text) for text in mapped)
    unknown = fields.keys() - {column["name"] for column in made["columns"]}
    if unknown:
        raise LocalError(f"{file} has no column {', '.join(sorted(unknown))}.")
    columns = [column | {"lead_field": fields.get(column["name"], column["lead_field"])} for column in made["columns"]]
    return api.call("PATCH", f"/v1/imports/{made['id']}", body={"columns": columns, "etag": made["etag"]})


def _pair(text: str) -> tuple[str, str]:
    column, sign, field = text.rpartition("=")
    if not sign:
        raise typer.BadParameter(f"{text!r} is not COLUMN=FIELD")
    return column, field


def _followed(api: Api, path: str, title: str) -> dict[str, Any]:
    """Starts an operation and shows its progress until it has ended. Refused with the operation's own reason."""
    operation = api.post(path, {})
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task(title, total=None)
        while operation["state"] == "RUNNING":
            time.sleep(_PAUSE_SECONDS)
            operation = api.get(f"/v1/leads/operations/{operation['id']}")
            progress.update(bar, completed=operation["done_count"], total=operation["total_count"] or None)
    if operation["state"] != "DONE":
        raise LocalError(f"{title} ended as {operation['state']}: {operation['error_message']}")
    return operation


def _show_preview(api: Api, made: dict[str, Any], as_json: bool) -> None:
    shown = api.get(f"/v1/imports/{made['id']}:preview")
    if as_json:
        show_json(shown)
        return
    console.print(
        f"{made['file_name']}: {made['format']} {made['encoding']} {made['delimiter']!r}", style="dim", markup=False
    )
    first: list[str] = next((row["cells"] for row in shown["rows"]), [])
    columns = [
        {
            "column": column["name"],
            "becomes": column["lead_field"] or "(kept with the touch only)",
            "first_row": first[number] if number < len(first) else "",
        }
        for number, column in enumerate(made["columns"])
    ]
    show_rows("", ("column", "becomes", "first_row"), columns, False)
    for problem in shown["problems"]:
        console.print(f"- {problem}", style="yellow", markup=False)
    for row in shown["rows"]:
        if row["reason"]:
            console.print(f"- row {row['row_number']}: {row['message']}", style="yellow", markup=False)


def _show_done(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(done)
        return
    show_rows("", _COUNTS, [done], False)
    if done["error_count"]:
        console.print(f"Refused rows: GET /v1/imports/{done['id']}:errors")
    console.print(f"Take it back with `tercet import --undo {done['id']}`.", style="dim")


def _show_undone(operation: dict[str, Any], as_json: bool) -> None:
    result = operation.get("result") or {}
    if as_json:
        show_json(result)
        return
    show_rows("", ("deleted_count", "restored_count", "kept_count"), [result], False)
