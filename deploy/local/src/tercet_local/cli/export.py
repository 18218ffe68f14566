"""`export`: any list of the API into a file."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tercet_local.cli.api import DEFAULT_URL, Api, Url
from tercet_local.cli.output import errors
from tercet_local.errors import LocalError

_PAGE = 500
# What a spreadsheet would take for a formula; phone numbers and negative amounts are none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().-]*$)")


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    collection: Annotated[str, typer.Argument(help="Collection of the API, such as leads, customers or orders.")],
    filter: Annotated[str | None, typer.Option(help='Condition, such as `state = "OPEN" AND score > 60`.')] = None,
    order_by: Annotated[str | None, typer.Option(help="Fields to order by, such as `create_time desc`.")] = None,
    fields: Annotated[str | None, typer.Option(help="Fields to write, with commas; all when left out.")] = None,
    format: Annotated[Format, typer.Option(help="CSV for spreadsheets, JSON lines for programs.")] = Format.CSV,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output when left out.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many rows.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Write the rows of a list to a file, as you may see them: scopes and masks of personal data apply.

    In CSV nested values are JSON, and what a spreadsheet would run as a formula gets an apostrophe before it.
    """
    api = Api(url)
    wanted = [name.strip() for name in fields.split(",")] if fields else None
    pages = _pages(api, collection, {"filter": filter, "order_by": order_by}, limit)
    with _target(output) as file:
        count = (_write_csv if format is Format.CSV else _write_jsonl)(file, pages, wanted)
    errors.print(f"{count} rows written.", style="dim")


def _pages(api: Api, collection: str, query: dict[str, Any], limit: int | None) -> Iterator[list[dict[str, Any]]]:
    """The pages one by one, with a bar on the terminal."""
    columns = (TextColumn(collection), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task(collection, total=None)
        token: str | None = None
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            counting = "true" if token is None else None
            answer = api.get(f"/v1/{collection}", **query, page_size=size, page_token=token, count=counting)
            rows = _rows(collection, answer)
            if answer.get("total_size") is not None:
                total = int(answer["total_size"])
                progress.update(bar, total=total if limit is None else min(total, limit))
            progress.advance(bar, len(rows))
            yield rows
            left = None if left is None else left - len(rows)
            token = answer.get("next_page_token") or None
            if token is None:
                break


def _rows(collection: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    lists = [value for value in answer.values() if isinstance(value, list)]
    if len(lists) != 1:
        raise LocalError(f"/v1/{collection} is not a list of resources.")
    return [row for row in lists[0] if isinstance(row, dict)]


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """The file, there whole at the end or not at all; standard output when none is named."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        # The mark at the beginning tells spreadsheets that the text is UTF-8.
        encoding = "utf-8-sig" if output.suffix.lower() == ".csv" else "utf-8"
        with part.open("w", encoding=encoding, newline="") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write_jsonl(file: TextIO, pages: Iterator[list[dict[str, Any]]], wanted: Sequence[str] | None) -> int:
    count = 0
    for rows in pages:
        for row in rows:
            chosen = {name: row.get(name) for name in wanted} if wanted else row
            file.write(json.dumps(chosen, ensure_ascii=False) + "\n")
        count += len(rows)
    return count


def _write_csv(file: TextIO, pages: Iterator[list[dict[str, Any]]], wanted: Sequence[str] | None) -> int:
    writer = csv.writer(file)
    header = list(wanted) if wanted else None
    if header:
        writer.writerow(header)
    count = 0
    for rows in pages:
        if header is None and rows:
            # Every field is in every row, so the first one tells the columns.
            header = list(rows[0])
            writer.writerow(header)
        for row in rows:
            writer.writerow([cell(row.get(name)) for name in header or ()])
        count += len(rows)
    return count


def cell(value: Any) -> str:
    """One value as a CSV cell that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text if isinstance(value, str) and _FORMULA.match(text) else text
