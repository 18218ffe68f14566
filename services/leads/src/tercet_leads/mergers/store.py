"""Queries of joining leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_leads.leads.model import FOLLOWED, Lead
from tercet_leads.mergers.model import LeadMerge
from tercet_leads.touches.model import Touch


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Lead]:
    """Leads held until the end of the transaction, whoever may see them; in one order for everybody."""
    query = select(Lead).where(Lead.id.in_(set(ids))).order_by(Lead.id).with_for_update()
    return {row.id: row for row in await tx.session.scalars(query.execution_options(populate_existing=True))}


async def of_parties(tx: Tx, party_ids: Collection[UUID]) -> Sequence[Lead]:
    """The leads of parties that are followed up or still marked as doubles, oldest first; held."""
    of_them = Lead.party_id.in_(set(party_ids))
    query = (
        select(Lead)
        # Each side by an index of its own.
        .where(or_(and_(of_them, Lead.state.in_(FOLLOWED)), and_(of_them, Lead.duplicate_of_id.is_not(None))))
        .order_by(Lead.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def parties_doubled_by(tx: Tx, lead_ids: Collection[UUID]) -> set[UUID]:
    """The parties of leads that are marked as doubles of one of these."""
    leads = view(Lead)
    return set(await tx.session.scalars(select(leads.c.party_id).where(leads.c.duplicate_of_id.in_(set(lead_ids)))))


async def parted(tx: Tx, identity_ids: Collection[UUID]) -> Sequence[LeadMerge]:
    """The standing merges of leads with one of these identities whose two sides are different parties now, the latest
    first; held."""
    stays, goes = aliased(Lead), aliased(Lead)
    query = (
        select(LeadMerge)
        .join(stays, stays.id == LeadMerge.lead_id)
        .join(goes, goes.id == LeadMerge.other_id)
        .where(
            LeadMerge.undo_time.is_(None),
            stays.party_id != goes.party_id,
            stays.identity_id.in_(set(identity_ids)) | goes.identity_id.in_(set(identity_ids)),
        )
        .order_by(LeadMerge.id.desc())
        .with_for_update(of=LeadMerge)
    )
    return (await tx.session.scalars(query)).all()


async def merged_into(tx: Tx, lead_id: UUID) -> UUID:
    """Where the touches of the lead are now: itself, or at the end of its merges."""
    while (target := await tx.session.scalar(select(Lead.merged_into_id).where(Lead.id == lead_id))) is not None:
        lead_id = target
    return lead_id


async def touches_of(tx: Tx, lead_id: UUID) -> list[str]:
    """The ids of a lead's touches."""
    return [
        str(id) for id in await tx.session.scalars(select(Touch.id).where(Touch.lead_id == lead_id).order_by(Touch.id))
    ]


async def move_touches(tx: Tx, ids: Sequence[str], source: UUID, target: UUID) -> int:
    """Puts these touches to another lead, as far as they are at `source`; answers how many that were."""
    change = update(Touch).where(Touch.id.in_([UUID(id) for id in ids]), Touch.lead_id == source)
    moved = change.values(lead_id=target, row_version=Touch.row_version + 1, update_time=tx.now())
    done = await tx.session.scalars(moved.returning(Touch.id).execution_options(synchronize_session=False))
    return len(done.all())


async def doubles(tx: Tx) -> tuple[int, list[str]]:
    """How many leads are followed up beside an older one of their party, and those that should be marked so and are
    not, or are without need."""
    leads, older = view(Lead), view(Lead).alias("older")
    pair = (older.c.party_id == leads.c.party_id) & older.c.state.in_(FOLLOWED) & (older.c.id < leads.c.id)
    double = exists().where(pair) & leads.c.state.in_(FOLLOWED)
    wrong = select(leads.c.id).where(double != leads.c.duplicate_of_id.is_not(None)).limit(5)
    waiting = select(func.count()).select_from(leads).where(double)
    return int(await tx.session.scalar(waiting) or 0), [str(id) for id in await tx.session.scalars(wrong)]


async def waiting(tx: Tx) -> list[str]:
    """A few leads that wait to be joined into an older one, each with it."""
    leads = view(Lead)
    query = select(leads.c.id, leads.c.duplicate_of_id).where(leads.c.duplicate_of_id.is_not(None))
    rows = (await tx.session.execute(query.order_by(leads.c.id).limit(5))).all()
    return [f"{id} beside {older}" for id, older in rows]
