"""Queries of the leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import TextClause, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import dialect

from tercet_chassis import Tx
from tercet_chassis.entity import untracked, view
from tercet_chassis.scopes import reach
from tercet_leads.identity.model import Party
from tercet_leads.leads.model import FOLLOWED, Lead
from tercet_leads.leads.rules import TEXT_FIELDS
from tercet_leads.touches.model import Touch

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
_STAMP = (
    "SELECT "
    + ", ".join(
        f"(SELECT (count(*), sum(row_version), max(update_time))::text FROM fenced.{name})" for name in _CONFIGURATION
    )
    + ", (SELECT (count(*), max(update_time))::text FROM custom_fields "
    + "WHERE tenant_id = $1 AND resource_type = 'leads')"
)


async def configuration_stamp(tx: Tx) -> tuple[str, ...]:
    """Changes whenever a row of intake's configuration does."""
    return tuple((await tx.fetch(_STAMP, tx.tenant_id))[0])


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


async def open_rows(tx: Tx, party_ids: Sequence[UUID]) -> Mapping[UUID, Lead]:
    """The same for a large batch: leads that no session watches, to be written by `update_touched`."""
    if not party_ids:
        return {}
    query = (
        select(*_SHOWN)
        .where(Lead.party_id.in_(set(party_ids)), Lead.state.in_(FOLLOWED))
        .order_by(Lead.id)
        .with_for_update()
    )
    make = untracked(Lead)
    found: dict[UUID, Lead] = {}
    for row in await tx.session.execute(query):
        if row.party_id not in found:
            found[row.party_id] = make(**row._mapping)
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


async def miscounted(tx: Tx) -> tuple[int, list[str]]:
    """How many leads there are, and up to five whose touches are not as many as the lead says."""
    leads, touches = view(Lead), view(Touch)
    counted = select(touches.c.lead_id, func.count().label("number")).group_by(touches.c.lead_id).subquery()
    query = (
        select(leads.c.id)
        .outerjoin(counted, counted.c.lead_id == leads.c.id)
        .where(func.coalesce(counted.c.number, 0) != leads.c.touch_count)
        .limit(5)
    )
    total = await tx.session.scalar(select(func.count()).select_from(leads))
    return int(total or 0), [str(lead_id) for lead_id in (await tx.session.scalars(query)).all()]


async def half_converted(tx: Tx) -> tuple[int, list[str]]:
    """How many leads were converted, and up to five without a customer, without an opportunity or sharing one."""
    leads = view(Lead)
    shared = (
        select(leads.c.opportunity_id)
        .where(leads.c.opportunity_id.is_not(None))
        .group_by(leads.c.opportunity_id)
        .having(func.count() > 1)
    )
    broken = or_(leads.c.customer_id.is_(None), leads.c.opportunity_id.is_(None), leads.c.opportunity_id.in_(shared))
    query = select(leads.c.id).where(leads.c.state == "CONVERTED", broken).limit(5)
    total = await tx.session.scalar(select(func.count()).select_from(leads).where(leads.c.state == "CONVERTED"))
    return int(total or 0), [str(lead_id) for lead_id in (await tx.session.scalars(query)).all()]


async def party_names(tx: Tx, party_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """What each party in the caller's reach is called: the company, or the person."""
    if not party_ids:
        return {}
    seen = or_(*(reach(Party, Party, tx.principal, each) for each in (tx.context.permission, "leads.party.read")))
    rows = await tx.session.execute(
        select(Party.id, Party.company_name, Party.display_name, Party.kind).where(Party.id.in_(set(party_ids)), seen)
    )
    return {
        row.id: (row.company_name or row.display_name)
        if row.kind == "COMPANY"
        else (row.display_name or row.company_name)
        for row in rows
    }


async def update_touched(tx: Tx, leads: Sequence[Lead], words: Mapping[UUID, Sequence[str]]) -> None:
    """Writes what touches changed on leads that this transaction holds and no session watches, in two statements;
    their versions are counted up already.

    `words` to search by are added to leads whose empty fields a touch filled. No audit rows come of it: the touch is
    the record.
    """
    filled = [lead for lead in leads if lead.id in words]
    counted = [lead for lead in leads if lead.id not in words]
    for names, some, statement in ((_FILLED, filled, _UPDATE_FILLED), (_COUNTED, counted, _UPDATE_COUNTED)):
        if some:
            rows = [{name: value for name in names if (value := getattr(lead, name)) is not None} for lead in some]
            for row in rows:
                row["words"] = _BETWEEN.join(words.get(row["id"], ()))
            await tx.session.execute(statement, {"rows": orjson.dumps(rows, default=str).decode()})


# Words are letters and digits, so the unit separator stands in none.
_BETWEEN = "\x1f"
_DIALECT = dialect()  # type: ignore[no-untyped-call]
_SHOWN = [column for column in Lead.__table__.columns if column.name != "search"]
_COUNTED = (
    *("id", "touch_count", "last_touch_time", "last_source_code", "score", "grade", "contributions", "score_time"),
    *("row_version", "update_time"),
)
_FILLED = (*_COUNTED, *TEXT_FIELDS)


def _update(names: Sequence[str], more: str = "") -> TextClause:
    table = Lead.__table__.columns
    shapes = ", ".join(f"{name} {table[name].type.compile(_DIALECT)}" for name in names)
    changes = ", ".join(f"{name} = n.{name}" for name in names if name != "id")
    return text(
        f"UPDATE leads SET {changes}{more} FROM json_to_recordset(CAST(:rows AS json)) AS n({shapes}, words text) "
        "WHERE leads.id = n.id"
    )


_UPDATE_COUNTED = _update(_COUNTED)
_UPDATE_FILLED = _update(_FILLED, ", search = leads.search || array_to_tsvector(string_to_array(n.words, chr(31)))")
