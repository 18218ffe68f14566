"""From bytes to rows: encoding, delimiter and header found out, rows read one after the other in constant memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tercet_leads.imports.mapping import known_columns

DELIMITERS = ",\t;|"
# A row longer than this is refused; the reader never holds more than one such piece.
LONGEST_ROW = 262_144
_SAMPLE_ROWS = 30
_LARGEST_UNPACKED = 512 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCODINGS = ("utf-8", "gb18030", "big5")
_DATA = re.compile(r"\d{7,}|[^@\s]+@[^@\s]+\.[a-z]+|\d{4}-\d\d-\d\d", re.IGNORECASE)
_ZIP = b"PK\x03\x04"


class NotTabular(ValueError):
    """The bytes are no table; the message says why."""


class NotInEncoding(ValueError):
    """The text is not in the encoding; the message names it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the header, from 1. `problem` is a reason when it cannot be taken."""

    number: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text file is read."""

    encoding: str
    delimiter: str
    header: list[str]


def is_workbook(head: bytes) -> bool:
    """Whether the bytes begin like an XLSX file."""
    return head.startswith(_ZIP)


def sniff(head: bytes, encoding: str = "", delimiter: str = "") -> Layout:
    """How to read a text file, from its first piece; what is given is not guessed.

    Refuses with NotTabular what is empty or binary, with NotInEncoding what no encoding fits.
    """
    if not head.strip():
        raise NotTabular("it is empty")
    bom = next((name for mark, name in _BOMS if head.startswith(mark)), "")
    if not bom and b"\x00" in head[:65_536] and not encoding:
        raise NotTabular("it is not text")
    candidates = [encoding] if encoding else [bom] if bom else list(_ENCODINGS)
    best: tuple[int, int, Layout] | None = None
    for order, name in enumerate(candidates):
        text = _decoded(head, name)
        if text is None:
            continue
        for mark in [delimiter] if delimiter else DELIMITERS:
            layout, score = _judge(text, name, mark)
            if best is None or score > best[0]:
                best = (score, order, layout)
    if best is None:
        raise NotInEncoding(encoding or "UTF-8, GB18030 or Big5")
    return best[2]


def _decoded(head: bytes, encoding: str) -> str | None:
    try:
        # Not final: the piece may end inside a character.
        return codecs.getincrementaldecoder(encoding)("strict").decode(head, False)
    except (UnicodeDecodeError, LookupError):
        return None


def _judge(text: str, encoding: str, delimiter: str) -> tuple[Layout, int]:
    rows = []
    for row in read_text([text], delimiter):
        rows.append(row)
        if len(rows) > _SAMPLE_ROWS:
            break
    header = unique_names(rows[0].cells) if rows else []
    # Names that we know speak loudest; then rows that are as wide as the header; then width.
    same = sum(len(row.cells) == len(header) for row in rows[1:])
    return Layout(encoding, delimiter, header), known_columns(header) * 1000 + (
        same * 10 if len(header) > 1 else 0
    ) + min(len(header), 9)


def unique_names(cells: Sequence[str]) -> list[str]:
    """Names of columns: trimmed, none empty, none twice; empty cells at the end are no columns."""
    names: list[str] = []
    trimmed = [cell.strip().lstrip("\ufeff") for cell in cells]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    for index, cell in enumerate(trimmed):
        name = cell[:300] or f"column {index + 1}"
        number = 2
        while name in names:
            name = f"{cell[:290]} ({number})"
            number += 1
        names.append(name)
    return names


def looks_like_data(header: Sequence[str]) -> bool:
    """Whether a row of names holds numbers, mailboxes or days instead."""
    return not known_columns(header) and any(_DATA.search(cell) for cell in header)


class TextRows:
    """Rows out of pieces of text, the header as number 0, empty rows left out. Never raises: a row that cannot be
    read says so.

    Only what may still belong to an unfinished row is kept between pieces, and never more than `LONGEST_ROW` of it.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._buffer = ""
        self._skipping = False
        self._number = -1

    def feed(self, piece: str, final: bool = False) -> Iterator[Row]:
        """The rows that are whole once this piece is there."""
        text = self._buffer + piece
        # A carriage return at the very end may be half of a line end.
        held = "\r" if text.endswith("\r") and not final else ""
        text = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n")
        if self._skipping:
            end = text.find("\n")
            if end < 0 and not final:
                return
            self._skipping = False
            text = text[end + 1 :] if end >= 0 else ""
            yield self._broken([], "ROW_TOO_LONG")
        cut = len(text) if final else _safe_cut(text)
        rest = text[cut:] + held
        if len(rest) > LONGEST_ROW and not final:
            # A quotation mark that nobody closed, or one endless line: give up the row, not the file.
            last = rest.rfind("\n") + 1
            cut, rest = cut + last, rest[last:]
            if len(rest) > LONGEST_ROW:
                self._skipping, rest = True, ""
        self._buffer = rest
        if cut:
            yield from self._parse(text[:cut])

    def _parse(self, text: str) -> Iterator[Row]:
        reader = csv.reader(
            text.splitlines(keepends=True) if _odd_ends(text) else text.split("\n"), delimiter=self._delimiter
        )
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield self._broken([], "ROW_TOO_LONG")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if sum(map(len, cells)) > LONGEST_ROW:
                yield self._broken([cells[0][:100]], "ROW_TOO_LONG")
            elif any("\ufffd" in cell for cell in cells):
                yield self._broken(cells, "ROW_ENCODING_BROKEN")
            else:
                self._number += 1
                yield Row(self._number, cells)

    def _broken(self, cells: list[str], problem: str) -> Row:
        self._number += 1
        return Row(self._number, cells, problem)


def _odd_ends(text: str) -> bool:
    # Line ends inside quotation marks must reach the reader, so lines keep theirs wherever there are quotation marks.
    return '"' in text


def _safe_cut(text: str) -> int:
    """Up to where whole rows stand: after a line end outside quotation marks; 0 when there is none."""
    end = text.rfind("\n") + 1
    while end > 0:
        if text.count('"', 0, end) % 2 == 0:
            return end
        quote = text.rfind('"', 0, end)
        end = text.rfind("\n", 0, quote) + 1
    return 0


def read_text(pieces: Iterable[str], delimiter: str) -> Iterator[Row]:
    """The rows of a text in pieces."""
    rows = TextRows(delimiter)
    for piece in pieces:
        yield from rows.feed(piece)
    yield from rows.feed("", final=True)


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Text out of pieces of bytes; bytes that are no character become U+FFFD, which marks their row."""
    return codecs.getincrementaldecoder(encoding)("replace")


def sheet_rows(content: bytes, sheet_name: str) -> tuple[list[str], Iterator[Row]]:
    """The sheets' names, and the rows of one, the header as number 0. Refuses with NotTabular what is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > _LARGEST_UNPACKED:
                raise NotTabular("it is too large when unpacked")
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = list(book.sheet_names)
        chosen = sheet_name or (names[0] if names else "")
        if chosen not in names:
            return names, iter(())
        rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=True)
    except (zipfile.BadZipFile, CalamineError) as broken:
        raise NotTabular(f"the workbook is damaged ({broken})") from broken
    return names, _numbered(rows)


def _numbered(rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    number = -1
    for row in rows:
        cells = [cell_text(cell) for cell in row]
        if not any(cells):
            continue
        number += 1
        too_long = sum(map(len, cells)) > LONGEST_ROW
        yield Row(number, [cell[:100] for cell in cells[:1]] if too_long else cells, "ROW_TOO_LONG" if too_long else "")


def cell_text(cell: Any) -> str:
    """A cell of a workbook as its text: whole numbers without a point, days and times in ISO form."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)
