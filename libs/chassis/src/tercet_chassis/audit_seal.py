"""The sealer chains audit rows within a second: each seal holds the digest of its rows and of the seal before."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tercet_chassis.database import Database

log = structlog.get_logger(__name__)

POLL = 1.0
BATCH = 2000
_LOCK = 7_300_002
_NEXT = text(
    "SELECT id, tenant_id, actor_kind, actor_id, method, request_id, resource_type, resource_id, action, changes, "
    "create_time FROM audit "
    "WHERE NOT sealed ORDER BY id LIMIT :batch"
)
_BY_IDS = text(
    "SELECT id, tenant_id, actor_kind, actor_id, method, request_id, resource_type, resource_id, action, changes, "
    "create_time FROM audit "
    "WHERE id = ANY(:ids) ORDER BY id"
)


def digest_of(previous: bytes, rows: list[Any]) -> bytes:
    """The digest that seals `rows` behind the seal before."""
    running = hashlib.sha256(previous)
    for row in rows:
        running.update(
            orjson.dumps(
                [str(value) if key != "changes" else value for key, value in row._mapping.items()],
                option=orjson.OPT_SORT_KEYS,
            )
        )
    return running.digest()


class Sealer:
    """One sealer a database, by lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                sealed = await self.seal()
                if sealed < BATCH:
                    await asyncio.sleep(POLL)
            except asyncio.CancelledError:
                raise
            except Exception as fault:
                log.warning("sealer.interrupted", cause=repr(fault))
                await asyncio.sleep(POLL)

    async def seal(self) -> int:
        """Seals what is not sealed yet; gives how many rows."""
        async with self._database.connection() as connection:
            if not (
                await connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            ).scalar():
                return 0
            rows = list((await connection.execute(_NEXT, {"batch": BATCH})).all())
            if not rows:
                return 0
            last = (
                await connection.execute(
                    text("SELECT sequence, digest FROM audit_seals ORDER BY sequence DESC LIMIT 1")
                )
            ).first()
            previous = bytes(last.digest) if last else b""
            await connection.execute(
                text(
                    "INSERT INTO audit_seals (sequence, first_id, last_id, row_ids, previous_digest, digest) "
                    "VALUES (:sequence, :first, :last, CAST(:ids AS jsonb), :previous, :digest)"
                ),
                {
                    "sequence": (last.sequence if last else 0) + 1,
                    "first": rows[0].id,
                    "last": rows[-1].id,
                    "ids": orjson.dumps([str(row.id) for row in rows]).decode(),
                    "previous": previous,
                    "digest": digest_of(previous, rows),
                },
            )
            await connection.execute(
                text("UPDATE audit SET sealed = true WHERE id = ANY(:ids)"), {"ids": [row.id for row in rows]}
            )
            return len(rows)


async def broken_seals(connection: AsyncConnection) -> tuple[int, list[str]]:
    """How many seals there are, and which of them no longer match their rows or their predecessor."""
    seals = (
        await connection.execute(
            text("SELECT sequence, row_ids, previous_digest, digest FROM audit_seals ORDER BY sequence")
        )
    ).all()
    previous, broken = b"", []
    for seal in seals:
        rows = list((await connection.execute(_BY_IDS, {"ids": seal.row_ids})).all())
        whole = (
            len(rows) == len(seal.row_ids)
            and bytes(seal.previous_digest) == previous
            and digest_of(previous, rows) == bytes(seal.digest)
        )
        if not whole:
            broken.append(f"seal {seal.sequence}")
        previous = bytes(seal.digest)
    return len(seals), broken
