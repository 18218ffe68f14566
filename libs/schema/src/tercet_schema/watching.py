"""What a migration does to tables that are in use: it is run on a real server and looked at before it commits."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, event, text

from tercet_schema.compatible import Finding

# What every statement of a migration waits at most for a lock; queries queue up behind whoever waits.
LONGEST_WAIT_MS = 10_000
_TABLES = """
SELECT oid, relname AS name, relfilenode AS file FROM pg_class
 WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
_COLUMNS = """
SELECT attrelid, attnum FROM pg_attribute WHERE attrelid = ANY(:oids) AND attnum > 0 AND NOT attisdropped
"""
_CHECKED = """
SELECT k.conrelid AS table, k.conname AS name, k.contype::text AS kind, k.conkey AS columns FROM pg_constraint k
 WHERE k.conrelid = ANY(:oids) AND k.contype IN ('c', 'f', 'n') AND k.convalidated
"""
# An index that this very transaction built held writers off; one built CONCURRENTLY is an earlier transaction's, and
# one whose file was there before is only described anew.
_BUILT = """
SELECT i.indrelid AS table, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = ANY(:oids) AND c.xmin::text = (pg_current_xact_id()::xid)::text AND NOT c.relfilenode = ANY(:known)
"""
_INDEXES = "SELECT c.relfilenode FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY(:oids)"
_WAIT = "SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'"
_TOUCHES = re.compile(
    r"\s*(?:(UPDATE)(?:\s+ONLY)?|(DELETE)\s+FROM(?:\s+ONLY)?|(TRUNCATE)(?:\s+TABLE)?|(LOCK)(?:\s+TABLE)?"
    r"|(INSERT)\s+INTO)\s+(?:public\.)?\"?(\w+)",
    re.IGNORECASE,
)


class Watch:
    """Looks at one connection from its making to its end; `judge` says what was done since the last time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._statements: list[str] = []
        event.listen(connection, "before_cursor_execute", self._heard)
        self._look()

    def end(self) -> None:
        """Listens no more."""
        event.remove(self._connection, "before_cursor_execute", self._heard)

    def _heard(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        self._statements.append(statement)

    def _all(self, query: str, **values: Any) -> list[Any]:
        return list(self._connection.execute(text(query), values).all())

    def _look(self) -> None:
        self._tables = {row.oid: (row.name, row.file) for row in self._all(_TABLES)}
        oids = list(self._tables)
        self._columns = {(row.attrelid, row.attnum) for row in self._all(_COLUMNS, oids=oids)}
        self._checked = {(row.table, row.name) for row in self._all(_CHECKED, oids=oids)}
        self._indexes = [row.relfilenode for row in self._all(_INDEXES, oids=oids)]
        self._statements.clear()

    def judge(self) -> list[Finding]:
        """What must not be done to a table in use. To be asked inside the transaction that did it."""
        said, anew = list(self._statements), self._rewritten()
        # Of what is written anew everything else follows.
        oids = [oid for oid, (name, _) in self._tables.items() if name not in {each.subject for each in anew}]
        found = [*anew, *self._indexed(oids), *self._scanned(oids), *self._moved(said)]
        wait = int(self._all(_WAIT)[0][0])
        if not 0 < wait <= LONGEST_WAIT_MS:
            found.append(
                Finding(
                    "lock_timeout",
                    f"is {wait} ms: while a statement waits for its lock, everybody queues up behind it",
                    "Leave it as the migration environment sets it; a migration that gives up is tried again.",
                )
            )
        self._look()
        return found

    def _rewritten(self) -> list[Finding]:
        files = {row.oid: row.file for row in self._all(_TABLES)}
        return [
            Finding(
                name,
                "is written anew, with nobody let in meanwhile",
                "Add a nullable column or one with a constant default, fill it in steps from a job, and switch over"
                " with the release after.",
            )
            for oid, (name, file) in self._tables.items()
            if oid in files and files[oid] != file
        ]

    def _indexed(self, oids: list[int]) -> list[Finding]:
        return [
            Finding(
                f"{self._tables[row.table][0]}/{row.name}",
                "the index is built while nobody may write to the table",
                "Build it with postgresql_concurrently=True inside `with op.get_context().autocommit_block():`; a"
                " constraint then takes it with USING INDEX.",
            )
            for row in self._all(_BUILT, oids=oids, known=self._indexes)
        ]

    def _scanned(self, oids: list[int]) -> list[Finding]:
        found = []
        for row in self._all(_CHECKED, oids=oids):
            old = any((row.table, column) in self._columns for column in row.columns or ())
            if (row.table, row.name) in self._checked or (row.kind == "n" and not old):
                continue
            found.append(
                Finding(
                    f"{self._tables[row.table][0]}/{row.name}",
                    "is checked against every row under a lock",
                    "Add it NOT VALID, and VALIDATE it in a later migration, which lets others write meanwhile.",
                )
            )
        return found

    def _moved(self, statements: list[str]) -> list[Finding]:
        names = {name for name, _ in self._tables.values()}
        found = []
        for statement in statements:
            touched = _TOUCHES.match(statement)
            if touched and touched[6] in names:
                verb = next(word for word in touched.groups()[:5] if word).upper()
                found.append(
                    Finding(
                        touched[6],
                        f"{verb} in a migration holds its rows, however many there are, until all is done",
                        "Let a job of the new version do it in steps of some hundred rows.",
                    )
                )
        return found
