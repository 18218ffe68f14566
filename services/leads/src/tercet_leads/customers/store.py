"""Queries of the known customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_leads.customers.model import KnownCustomer


class Standing(NamedTuple):
    """A customer as intake sees it."""

    customer_id: UUID
    party_id: UUID
    unit_id: UUID | None
    owner_id: UUID | None


async def of_parties(tx: Tx, party_ids: Sequence[UUID]) -> Mapping[UUID, list[Standing]]:
    """The customers of each party, oldest first."""
    if not party_ids:
        return {}
    columns = (KnownCustomer.id, KnownCustomer.party_id, KnownCustomer.unit_id, KnownCustomer.owner_id)
    query = (
        select(*columns)
        .where(KnownCustomer.party_id.in_(set(party_ids)), KnownCustomer.active.is_(True))
        .order_by(KnownCustomer.id)
    )
    found: dict[UUID, list[Standing]] = {}
    for row in (await tx.session.execute(query)).all():
        found.setdefault(row[1], []).append(Standing(*row))
    return found
