"""Which events reach the gateway at all: those that some webhook of some tenant ever asked for.

Most events interest nobody outside, and each that came would cost a mark of its own. What is asked for stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from tercet_chassis import Tx, new_id
from tercet_chassis.database import NOBODY, Statements
from tercet_chassis.service import SERVICES
from tercet_gateway.webhooks.rules import subjects_of

_ADD = (
    "INSERT INTO heard_subjects (tenant_id, id, subject, create_time, update_time, row_version) "
    "SELECT $1, id, subject, now(), now(), 1 FROM unnest($2::uuid[], $3::text[]) AS n(id, subject) "
    "ON CONFLICT DO NOTHING"
)


async def heard(statements: Statements) -> Mapping[str, UUID]:
    """The subjects that are delivered, each with the id that tells since when."""
    return {row["subject"]: row["id"] for row in await statements.fetch("SELECT subject, id FROM heard_subjects")}


async def hear(tx: Tx, patterns: Iterable[str]) -> None:
    """Has events of these patterns delivered from now on: before what asks for them is committed, so that nothing that
    comes after it is missed, and whatever becomes of it. Refuses while the broker is away.
    """
    wanted = subjects_of(patterns, SERVICES)
    async with tx.runtime.database.begun(NOBODY, beyond=True) as statements:
        fresh = sorted(wanted - (await heard(statements)).keys())
        if fresh:
            await statements.fetch(_ADD, NOBODY, [new_id() for _ in fresh], fresh)
            await tx.runtime.dispatcher.listen(statements)
