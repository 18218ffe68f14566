"""The sealer chains audit rows within a second: each seal holds the digest of its rows and of the seal before."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import orjson

from tercet_chassis.database import Database
from tercet_chassis.waiting import patrol

# What follows so closely is sealed together; what a process that died left is found so often.
GATHER, POLL = 0.7, 5.0
BATCH = 2000
_LOCK = 7_300_002
# A row as PostgreSQL writes it, in no session's time zone: unparsed it costs a tenth, and no number loses a digit.
_TEXT = (
    "ROW(id, tenant_id, actor_kind, actor_id, method, request_id, resource_type, resource_id, action, changes, "
    "extract(epoch FROM create_time))::text"
)
_TAKE = "DELETE FROM audit_waiting WHERE id IN (SELECT id FROM audit_waiting ORDER BY id LIMIT $1) RETURNING row_ids"
_BY_IDS = f"SELECT id, {_TEXT} AS text FROM audit WHERE id = ANY($1::uuid[]) ORDER BY id"
_SEAL = (
    "INSERT INTO audit_seals (sequence, first_id, last_id, row_ids, previous_digest, digest) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)


def digest_of(previous: bytes, rows: list[Any]) -> bytes:
    """The digest that seals `rows` behind the seal before."""
    running = hashlib.sha256(previous)
    for row in rows:
        # The length goes first, so that no two lists of rows make one text.
        text = row["text"].encode()
        running.update(b"%d:%s" % (len(text), text))
    return running.digest()


class Sealer:
    """One sealer a database, by lock."""

    def __init__(self, database: Database) -> None:
        self._database, self.waiting = database, asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        await patrol("sealer", self._round, self.waiting)

    async def _round(self) -> float:
        await asyncio.sleep(GATHER)
        return 0.0 if await self.seal() else POLL

    async def seal(self) -> bool:
        """Seals what is not sealed yet; whether there may be more, as where somebody else is sealing."""
        async with self._database.begun() as statements:
            if not (await statements.fetch("SELECT pg_try_advisory_xact_lock($1::bigint)", _LOCK))[0][0]:
                return True
            taken = await statements.fetch(_TAKE, BATCH)
            rows = taken and await statements.fetch(_BY_IDS, [id for row in taken for id in row["row_ids"]])
            if not rows:
                return False
            last = await statements.fetch("SELECT sequence, digest FROM audit_seals ORDER BY sequence DESC LIMIT 1")
            sequence, previous = (last[0]["sequence"], last[0]["digest"]) if last else (0, b"")
            ids = orjson.dumps([str(row["id"]) for row in rows]).decode()
            first, end = rows[0]["id"], rows[-1]["id"]
            await statements.fetch(_SEAL, sequence + 1, first, end, ids, previous, digest_of(previous, rows))
            return len(taken) == BATCH


async def broken_seals(database: Database) -> tuple[int, list[str]]:
    """How many seals there are, and which of them no longer match their rows or their predecessor."""
    async with database.begun() as statements:
        seals = await statements.fetch("SELECT sequence, row_ids, previous_digest, digest FROM audit_seals ORDER BY 1")
        previous, broken = b"", []
        for seal in seals:
            ids = seal["row_ids"]
            rows = await statements.fetch(_BY_IDS, ids)
            linked = len(rows) == len(ids) and seal["previous_digest"] == previous
            if not linked or digest_of(previous, rows) != seal["digest"]:
                broken.append(f"seal {seal['sequence']}")
            previous = seal["digest"]
    return len(seals), broken
