"""Queries of contacts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.contacts.model import CompanyContact

# Names every contact, whatever their role.
ANY = "ANY"


async def of_customers(tx: Tx, customers: Collection[UUID]) -> dict[UUID, list[CompanyContact]]:
    """The active contacts of each of these customers, preferred ones first, then the longest known."""
    found: dict[UUID, list[CompanyContact]] = defaultdict(list)
    query = select(CompanyContact).where(CompanyContact.customer_id.in_(customers), CompanyContact.active)
    for one in await tx.session.scalars(query.order_by(CompanyContact.preferred.desc(), CompanyContact.id)):
        found[one.customer_id].append(one)
    return found


async def by_ids(tx: Tx, ids: Collection[UUID]) -> dict[UUID, CompanyContact]:
    """These contacts."""
    found = await tx.session.scalars(select(CompanyContact).where(CompanyContact.id.in_(ids)))
    return {one.id: one for one in found}


def with_roles(contacts: Sequence[CompanyContact], roles: Sequence[str]) -> list[CompanyContact]:
    """Those with one of the roles, in the order of the roles; ANY stands for all that no other role named."""
    named = [one for role in roles for one in contacts if role in (one.role, ANY)]
    return list(dict.fromkeys(named))
