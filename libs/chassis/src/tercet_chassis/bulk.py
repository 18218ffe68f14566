"""Many rows at once: all that a unit inserts goes in one statement, each table's rows as one array a column.

Beyond some hundreds of rows COPY into a temporary table, then one INSERT … SELECT, is cheaper: PostgreSQL refuses COPY
into a table under row-level security, and from a temporary one the fence checks every row as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from tercet_chassis.database import Statements
from tercet_chassis.entity import SearchTokens
from tercet_chassis.tables import metadata as chassis

Encode = Callable[[Any], Any]
# From so many rows of one table on COPY pays.
MANY = 200
# Words are letters and digits, so the unit separator stands in none.
_BETWEEN = "\x1f"
_SPLIT = "array_to_tsvector(string_to_array({}, chr(31)))"


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How rows of one table travel: the columns with their types on the way, what stands for a missing value, how
    values are written, and the two statements.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    defaults: tuple[Callable[[], Any], ...]
    encoders: tuple[Encode | None, ...]
    make: str
    insert: str
    after: str
    # A table without a fence takes a COPY as it comes.
    direct: bool

    def column(self, at: int, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """One column of the rows, as it travels."""
        name, encode = self.columns[at], self.encoders[at]
        try:
            values = [row[name] for row in rows]
        except KeyError:
            default = self.defaults[at]
            values = [row[name] if name in row else default() for row in rows]
        return values if encode is None else [None if value is None else encode(value) for value in values]


class Inserts:
    """Rows of several tables that wait to be inserted together."""

    def __init__(self) -> None:
        self._waiting: dict[Way, list[Mapping[str, Any]]] = {}

    def add(self, way: Way, rows: Sequence[Mapping[str, Any]]) -> None:
        """Has rows, given by column name, inserted with the next `write`."""
        if rows:
            self._waiting.setdefault(way, []).extend(rows)

    async def write(self, statements: Statements) -> None:
        """Inserts what waits; refuses what an INSERT would refuse."""
        waiting, self._waiting = self._waiting, {}
        few = {way: rows for way, rows in waiting.items() if len(rows) < MANY}
        for way, rows in waiting.items():
            if way not in few:
                await _copy(statements, way, rows)
        if few:
            values = [way.column(at, rows) for way, rows in few.items() for at in range(len(way.columns))]
            # Shorter columns are filled up with NULL, and the driver looks at each value of a column that it is given.
            given = ([] if all(value is None for value in column) else column for column in values)
            await statements.fetch(_together(tuple(few)), *given)


async def _copy(statements: Statements, way: Way, rows: Sequence[Mapping[str, Any]]) -> None:
    records = list(zip(*(way.column(at, rows) for at in range(len(way.columns))), strict=True))
    if way.direct:
        await statements.copy(way.table, way.columns, records)
        return
    # What one unit copied before is emptied: the temporary table does so itself only at the end of the transaction.
    staged = f"copied_{way.table}"
    await statements.run(f"{way.make}; DELETE FROM pg_temp.{staged}")
    await statements.copy(staged, way.columns, records)
    await statements.run(f"{way.insert} FROM pg_temp.{staged}{way.after}")


@cache
def _together(ways: tuple[Way, ...]) -> str:
    parts, used = [], 0
    for way in ways:
        arrays = ", ".join(f"${used + at}::{kind}[]" for at, kind in enumerate(way.types, start=1))
        names = ", ".join(f'"{name}"' for name in way.columns)
        parts.append(f"{way.insert} FROM unnest({arrays}) AS r({names}){way.after}")
        used += len(way.columns)
    *first, last = parts
    return (f"WITH {', '.join(f'w{at} AS ({part})' for at, part in enumerate(first))} " if first else "") + last


@cache
def way_of(table: Table, *, leave: tuple[str, ...] = (), after: str = "") -> Way:
    """The way of a table's rows. `leave` names columns that the database fills; `after` ends the statement."""
    columns = [column for column in table.columns if column.name not in leave]
    words = [isinstance(column.type, SearchTokens) for column in columns]
    quoted = [f'"{column.name}"' for column in columns]
    # The driver has no binary form of a tsvector, and looks at each word of an array; so words travel as one text.
    shapes = [f"NULL::text AS {name}" if is_words else name for name, is_words in zip(quoted, words, strict=True)]
    moved = [_SPLIT.format(name) if is_words else name for name, is_words in zip(quoted, words, strict=True)]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    kinds = ["text" if is_words else c.type.compile(dialect) for c, is_words in zip(columns, words, strict=True)]
    json = [_json if isinstance(column.type, JSONB) else None for column in columns]
    return Way(
        table=table.name,
        columns=tuple(column.name for column in columns),
        types=tuple(kinds),
        defaults=tuple(_default(column) for column in columns),
        encoders=tuple(_words if is_words else encode for is_words, encode in zip(words, json, strict=True)),
        make=f"CREATE TEMPORARY TABLE IF NOT EXISTS copied_{table.name} ON COMMIT DELETE ROWS "
        f"AS SELECT {', '.join(shapes)} FROM {table.name} WITH NO DATA",
        insert=f'INSERT INTO "{table.name}" ({", ".join(quoted)}) SELECT {", ".join(moved)}',
        after=f" {after}" if after else "",
        direct=table.metadata is chassis and not after and not any(words),
    )


def _words(value: list[str]) -> str:
    return _BETWEEN.join(value)


def _json(value: Any) -> str:
    # What is JSON already travels as it is.
    return value.decode() if isinstance(value, bytes) else orjson.dumps(value).decode()


def _default(column: Any) -> Callable[[], Any]:
    default = column.default
    if default is None:
        return lambda: None
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg
