"""Many rows at once: COPY into a temporary table, then one INSERT … SELECT.

PostgreSQL refuses COPY into a table under row-level security; from a temporary one the fence checks every row as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from tercet_chassis.entity import Entity, SearchTokens

Encode = Callable[[Any], Any]
# Words are letters and digits, so the unit separator stands in none.
_BETWEEN = "\x1f"
_SPLIT = "array_to_tsvector(string_to_array({}, chr(31)))"


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows of one table travel: the columns, what stands for a missing value, and the three statements."""

    table: str
    columns: tuple[str, ...]
    defaults: tuple[Callable[[], Any], ...]
    encoders: tuple[tuple[int, Encode], ...]
    make: TextClause
    clear: TextClause
    move: TextClause


async def copy_into(session: AsyncSession, table: str, columns: Sequence[str], records: Sequence[Any]) -> None:
    """COPY as it is, for tables without a fence; JSON is given as text."""
    connection = await session.connection()
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await raw.copy_records_to_table(table, records=records, columns=columns)


async def copy_rows(session: AsyncSession, entity: type[Entity], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows, given by column name, in a fixed number of statements; refuses what an INSERT would refuse."""
    way = _way(entity)
    used = session.info.setdefault("copied", set())
    await session.execute(way.make)
    if way.table in used:
        # The temporary table empties itself only at the end of the transaction.
        await session.execute(way.clear)
    used.add(way.table)
    await copy_into(session, way.table, way.columns, [_record(way, row) for row in rows])
    await session.execute(way.move)


def _record(way: _Way, row: Mapping[str, Any]) -> list[Any]:
    record = [row[name] if name in row else default() for name, default in zip(way.columns, way.defaults, strict=True)]
    for at, encode in way.encoders:
        if record[at] is not None:
            record[at] = encode(record[at])
    return record


def _words(value: list[str]) -> str:
    return _BETWEEN.join(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


@cache
def _way(entity: type[Entity]) -> _Way:
    table: Any = entity.__table__
    columns = list(table.columns)
    words = [isinstance(column.type, SearchTokens) for column in columns]
    quoted = [f'"{column.name}"' for column in columns]
    # The driver has no binary form of a tsvector, and looks at each word of an array; so words travel as one text.
    shapes = [f"NULL::text AS {name}" if is_words else name for name, is_words in zip(quoted, words, strict=True)]
    moved = [_SPLIT.format(name) if is_words else name for name, is_words in zip(quoted, words, strict=True)]
    staged = f"copied_{table.name}"
    return _Way(
        table=staged,
        columns=tuple(column.name for column in columns),
        defaults=tuple(_default(column) for column in columns),
        encoders=tuple(
            (at, _words if words[at] else _json)
            for at, column in enumerate(columns)
            if words[at] or isinstance(column.type, JSONB)
        ),
        make=text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS "
            f"AS SELECT {', '.join(shapes)} FROM {table.name} WITH NO DATA"
        ),
        clear=text(f"DELETE FROM pg_temp.{staged}"),
        move=text(f"INSERT INTO {table.name} ({', '.join(quoted)}) SELECT {', '.join(moved)} FROM pg_temp.{staged}"),
    )


def _default(column: Any) -> Callable[[], Any]:
    default = column.default
    if default is None:
        return lambda: None
    if default.is_callable:
        return lambda: default.arg(None)
    return lambda: default.arg
