"""One moment for five databases: while no service can commit, a snapshot of each is taken.

Every transaction of a service passes a gate as the last thing before its commit, together with all others (see
`tercet_chassis.database`). Whoever shuts the gates of all five databases waits for the commits that are under way, lets
no other begin, and so has a moment at which nothing is half told: no event, call or reply has had its effect in one
snapshot without its cause in another. Reads and work up to the commit go on; the gates are shut for milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from tercet_backup.errors import CommitsNotHeld
from tercet_chassis.database import COMMIT_GATE

Connections = Mapping[str, "asyncpg.Connection[Any]"]
_SHUT = f"SELECT pg_advisory_lock({COMMIT_GATE})"
_OPEN = f"SELECT pg_advisory_unlock({COMMIT_GATE})"
_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0
# Longer than this nobody's commit waits: for the gates to shut, and for us when we are cut off while they are.
GATE_SETTINGS = {"lock_timeout": "2s", "idle_session_timeout": "5s"}


@dataclass(frozen=True, slots=True)
class Cut:
    """The moment, and how long commits waited for it."""

    position_time: datetime
    held_seconds: float


async def cut(gates: Connections, readers: Connections) -> Cut:
    """Takes the snapshot of each reader, which has begun a transaction and read nothing in it yet, at one moment.

    Refused when the gates cannot all be shut, or one of them opened before the last snapshot was taken.
    """
    began = await _shut(gates)
    try:
        times = await _each({name: reader.fetchval("SELECT clock_timestamp()") for name, reader in readers.items()})
    finally:
        # Whoever cannot say that the gate was shut until now has lost it in between.
        held = await _each({name: gate.fetchval(_OPEN) for name, gate in gates.items()})
    if not all(held.values()):
        raise CommitsNotHeld("a gate opened by itself")
    return Cut(max(times.values()), time.monotonic() - began)


async def _shut(gates: Connections) -> float:
    cause = ""
    for _ in range(_ATTEMPTS):
        began = time.monotonic()
        try:
            await _each({name: gate.execute(_SHUT) for name, gate in gates.items()})
            return began
        except asyncpg.LockNotAvailableError as busy:
            cause = str(busy)
            await _each({name: gate.execute("SELECT pg_advisory_unlock_all()") for name, gate in gates.items()})
            await asyncio.sleep(_PAUSE_SECONDS)
    raise CommitsNotHeld(cause)


async def _each(work: Mapping[str, Awaitable[Any]]) -> dict[str, Any]:
    """All side by side and all to their end, also when one fails."""
    results = await asyncio.gather(*work.values(), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return dict(zip(work, results, strict=True))
