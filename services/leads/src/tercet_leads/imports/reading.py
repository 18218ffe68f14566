"""The rows of an import's file, read inside a transaction or piece by piece across many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.errors import Violation
from tercet_leads.imports import store
from tercet_leads.imports.errors import (
    FileEncodingUnknown,
    FileHasNoHeader,
    FileNotReadable,
    MappingInvalid,
    SheetNotFound,
)
from tercet_leads.imports.mapping import propose, wrong_columns
from tercet_leads.imports.model import Import
from tercet_leads.imports.tables import (
    NotInEncoding,
    NotTabular,
    Row,
    TextRows,
    decoder,
    is_workbook,
    looks_like_data,
    sheet_rows,
    sniff,
    unique_names,
)

HEAD = 1 << 20
_LARGEST_WORKBOOK = 64 << 20
Unit = Callable[[], AbstractAsyncContextManager[Tx]]


async def look(tx: Tx, item: Import) -> None:
    """Finds out how a file is read, and fills in what nobody said. Refuses what is no table and a mapping that does
    not fit.
    """
    file = await store.file_of(tx, item.file_id)
    item.file_name = file.name
    head = await store.head(tx, item.file_id, HEAD)
    try:
        if is_workbook(head):
            item.format = "XLSX"
            header = await _sheet_header(tx, item, file.size)
        else:
            item.format = "CSV"
            layout = sniff(head, item.encoding, item.delimiter)
            item.encoding, item.delimiter = layout.encoding, layout.delimiter
            header = layout.header
    except NotTabular as cause:
        raise FileNotReadable(name=file.name, cause=cause) from cause
    except NotInEncoding as tried:
        raise FileEncodingUnknown(name=file.name, encoding=tried) from tried
    if not header:
        raise FileNotReadable(name=file.name, cause="it has no rows")
    if looks_like_data(header):
        raise FileHasNoHeader(name=file.name)
    item.header = header
    item.columns = item.columns or propose(header)
    check_columns(item)


def check_columns(item: Import) -> None:
    """Refuses columns that are not those of the file or fill what a lead has not."""
    wrong = [Violation(path, "COLUMN_INVALID", sentence) for path, sentence in wrong_columns(item.columns, item.header)]
    if wrong:
        raise MappingInvalid(detail=" ".join(violation.message for violation in wrong), violations=wrong)


async def _sheet_header(tx: Tx, item: Import, size: float) -> list[str]:
    if size > _LARGEST_WORKBOOK:
        raise NotTabular("a workbook of this size is better saved as CSV")
    names, rows = sheet_rows(await store.head(tx, item.file_id, _LARGEST_WORKBOOK), item.sheet_name)
    if item.sheet_name and item.sheet_name not in names:
        raise SheetNotFound(sheet_name=item.sheet_name, known=", ".join(names))
    item.sheet_name = item.sheet_name or next(iter(names), "")
    first = next(rows, None)
    return unique_names(first.cells) if first else []


async def first_rows(tx: Tx, item: Import, limit: int) -> list[Row]:
    """The first rows below the header."""
    if item.format == "XLSX":
        _, rows = sheet_rows(await store.head(tx, item.file_id, _LARGEST_WORKBOOK), item.sheet_name)
    else:
        head = await store.head(tx, item.file_id, HEAD)
        text, whole = TextRows(item.delimiter), len(head) < HEAD
        rows = text.feed(decoder(item.encoding).decode(head, whole), whole)
    found = []
    for row in rows:
        if row.number > 0:
            found.append(row)
        if len(found) >= limit:
            break
    return found


async def chunks(unit: Unit, item_id: str, size: int) -> AsyncIterator[list[Row]]:
    """All rows below the header, `size` at a time, one piece of the file in memory; each piece is read in a
    transaction of its own.
    """
    async with unit() as tx:
        item = await tx.get(Import, item_id)
        file_id, workbook, encoding, delimiter, sheet = (
            item.file_id,
            item.format == "XLSX",
            item.encoding,
            item.delimiter,
            item.sheet_name,
        )
        content = await store.head(tx, file_id, _LARGEST_WORKBOOK) if workbook else b""
    if workbook:
        _, rows = sheet_rows(content, sheet)
        waiting = []
        for row in rows:
            if row.number > 0:
                waiting.append(row)
            if len(waiting) >= size:
                yield waiting
                waiting = []
        if waiting:
            yield waiting
        return
    async for chunk in _text_chunks(unit, file_id, encoding, delimiter, size):
        yield chunk


async def _text_chunks(unit: Unit, file_id: UUID, encoding: str, delimiter: str, size: int) -> AsyncIterator[list[Row]]:
    text, rows = decoder(encoding), TextRows(delimiter)
    waiting: list[Row] = []
    sequence, over = 0, False
    while not over:
        async with unit() as tx:
            piece = await store.piece(tx, file_id, sequence)
        sequence, over = sequence + 1, piece is None
        waiting += [row for row in rows.feed(text.decode(piece or b"", over), over) if row.number > 0]
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    if waiting:
        yield waiting
