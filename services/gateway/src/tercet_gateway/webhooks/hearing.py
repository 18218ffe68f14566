"""Which events reach the gateway at all: those that some webhook of some tenant asks for.

Most events interest nobody outside, and each that came would cost a mark of its own. What a webhook asks for is written
down before it is committed, and struck out after it is gone, so it misses nothing in between. Whoever adds or strikes
out holds the webhook until the end of their transaction, and the server's list is made by one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from tercet_chassis import Tx, new_id
from tercet_chassis.database import NOBODY, Statements
from tercet_chassis.service import SERVICES
from tercet_gateway.webhooks.rules import subjects_of

_HEARD = "SELECT DISTINCT ON (subject) subject, id FROM heard_subjects ORDER BY subject, id"
_ADD = (
    "INSERT INTO heard_subjects"
    " (tenant_id, id, subject, webhook_id, webhook_tenant_id, create_time, update_time, row_version)"
    " SELECT $1, id, subject, $4, $5, now(), now(), 1 FROM unnest($2::uuid[], $3::text[]) AS n(id, subject)"
    " ON CONFLICT DO NOTHING RETURNING subject"
)
_STRIKE_OUT = "DELETE FROM heard_subjects WHERE webhook_id = $1 AND subject <> ALL($2::text[]) RETURNING subject"
_ASKING = "SELECT DISTINCT webhook_id FROM heard_subjects WHERE webhook_tenant_id = $1"


async def heard(statements: Statements) -> Mapping[str, UUID]:
    """The subjects that are delivered, each with the id that tells since when."""
    return {row["subject"]: row["id"] for row in await statements.fetch(_HEARD)}


async def hold(tx: Tx, webhook_id: UUID) -> None:
    """Has whoever else changes what this webhook asks for wait until the end of the transaction."""
    await tx.hold("hearing", [webhook_id])


async def hear(tx: Tx, webhook_id: UUID, patterns: Iterable[str]) -> None:
    """Has events of these patterns delivered from now on: before what asks for them is committed, so that nothing that
    comes after it is missed, and whatever becomes of it. Refuses while the broker is away.
    """
    await hold(tx, webhook_id)
    wanted = sorted(subjects_of(patterns, SERVICES))
    async with tx.runtime.database.begun(NOBODY, beyond=True) as statements:
        values = [new_id() for _ in wanted], wanted, webhook_id, tx.tenant_id
        # What another asks for already may be struck out in this moment, so the server's list is made anew.
        if await statements.fetch(_ADD, NOBODY, *values):
            await tx.runtime.dispatcher.listen(statements)


async def narrow(tx: Tx, webhook_id: UUID, patterns: Iterable[str]) -> None:
    """Has what a webhook with these patterns asks for no more delivered no more, unless another asks for it; `hold`
    comes first, then the patterns are read. Refuses while the broker is away.
    """
    async with tx.runtime.database.begun(NOBODY, beyond=True) as statements:
        if await statements.fetch(_STRIKE_OUT, webhook_id, sorted(subjects_of(patterns, SERVICES))):
            await tx.runtime.dispatcher.listen(statements)


async def asking(tx: Tx) -> list[UUID]:
    """The tenant's webhooks that something is delivered for, those that never came to be among them."""
    async with tx.runtime.database.begun(NOBODY, beyond=True) as statements:
        return [row["webhook_id"] for row in await statements.fetch(_ASKING, tx.tenant_id)]
