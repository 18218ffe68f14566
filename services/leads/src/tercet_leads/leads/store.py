"""Queries of the leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, tuple_

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_leads.leads.model import FOLLOWED, Lead

# One look at what any row of configuration would change: count, sum of versions and latest change of each table.
_CONFIGURATION = (
    "sources",
    "scoring_rules",
    "grade_scales",
    "qualification_rules",
    "assignment_rules",
    "sellers",
    "pools",
)
_STAMP = text(
    "SELECT "
    + ", ".join(
        f"(SELECT (count(*), sum(row_version), max(update_time))::text FROM fenced.{name})" for name in _CONFIGURATION
    )
    + ", (SELECT (count(*), max(update_time))::text FROM custom_fields "
    + "WHERE tenant_id = :tenant AND resource_type = 'leads')"
)


async def configuration_stamp(tx: Tx) -> tuple[str, ...]:
    """Changes whenever a row of intake's configuration does."""
    return tuple((await tx.session.execute(_STAMP, {"tenant": tx.tenant_id})).one())


async def open_leads(tx: Tx, party_ids: Sequence[UUID]) -> Mapping[UUID, Lead]:
    """The open lead of each party, held until the end of the transaction."""
    if not party_ids:
        return {}
    query = (
        select(Lead)
        .where(Lead.party_id.in_(set(party_ids)), Lead.state.in_(FOLLOWED))
        .order_by(Lead.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found: dict[UUID, Lead] = {}
    for lead in await tx.session.scalars(query):
        found.setdefault(lead.party_id, lead)
    return found


async def open_lead_ids(tx: Tx, party_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """The open lead of each party by id, nothing held."""
    if not party_ids:
        return {}
    query = (
        select(Lead.party_id, Lead.id)
        .where(Lead.party_id.in_(set(party_ids)), Lead.state.in_(FOLLOWED))
        .order_by(Lead.id.desc())
    )
    return dict((await tx.session.execute(query)).all())


async def other_open_lead(tx: Tx, lead: Lead) -> UUID | None:
    """Another open lead of the same party."""
    query = select(Lead.id).where(Lead.party_id == lead.party_id, Lead.id != lead.id, Lead.state.in_(FOLLOWED)).limit(1)
    return await tx.session.scalar(query)


async def by_ids(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, Lead]:
    """The leads that exist of these."""
    if not ids:
        return {}
    return {lead.id: lead for lead in await tx.session.scalars(select(Lead).where(Lead.id.in_(set(ids))))}


async def by_external_refs(tx: Tx, refs: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Lead]:
    """The leads with these names in other systems."""
    if not refs:
        return {}
    found = await tx.session.scalars(select(Lead).where(tuple_(Lead.external_system, Lead.external_id).in_(set(refs))))
    return {(lead.external_system or "", lead.external_id or ""): lead for lead in found}


async def open_loads(tx: Tx) -> dict[UUID, int]:
    """Open leads of each seller."""
    leads = view(Lead)
    query = (
        select(leads.c.owner_id, func.count())
        .where(leads.c.owner_id.is_not(None), leads.c.state.in_(FOLLOWED))
        .group_by(leads.c.owner_id)
    )
    return dict((await tx.session.execute(query)).all())


async def held_of_pool(tx: Tx, owner_id: UUID, pool_code: str) -> int:
    """How many open leads of a pool a seller holds."""
    held = (Lead.owner_id == owner_id, Lead.pool_code == pool_code, Lead.state.in_(FOLLOWED))
    return int(await tx.session.scalar(select(func.count()).select_from(Lead).where(*held)) or 0)


async def due_for_recycling(tx: Tx, now: datetime, limit: int) -> Sequence[Lead]:
    """Leads whose owners did not follow them up in time; rows that somebody works on are left for the next time."""
    query = (
        select(Lead)
        .where(Lead.recycle_time <= now, Lead.owner_id.is_not(None), Lead.state.in_(("OPEN", "WORKING")))
        .order_by(Lead.recycle_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await tx.session.scalars(query)).all()


async def due_for_warning(tx: Tx, before: datetime, pool_codes: Sequence[str], limit: int) -> Sequence[Lead]:
    """Leads of these pools that go back before a moment and whose owners were not warned."""
    query = (
        select(Lead)
        .where(
            Lead.recycle_time <= before,
            Lead.recycle_warned.is_(False),
            Lead.owner_id.is_not(None),
            Lead.pool_code.in_(pool_codes),
            Lead.state.in_(("OPEN", "WORKING")),
        )
        .order_by(Lead.recycle_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await tx.session.scalars(query)).all()


def column_values(lead: Lead) -> dict[str, Any]:
    """An entity's values as a row for a bulk insert; what the transaction stamps itself is left out."""
    return {attribute.key: getattr(lead, attribute.key) for attribute in _COLUMNS}


_COLUMNS = [attribute for attribute in Lead.__mapper__.column_attrs if attribute.key not in ("tenant_id", "search")]
