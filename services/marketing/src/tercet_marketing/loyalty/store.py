"""Queries of loyalty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Text, case, cast, func, or_, select, update

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_marketing.ledgers.model import LedgerAccount
from tercet_marketing.loyalty.errors import LoyaltyProgrammeUnknown
from tercet_marketing.loyalty.model import (
    LoyaltyProgramme,
    LoyaltySale,
    Membership,
    PointsEntry,
    PointsLot,
    PointsLotMove,
)
from tercet_marketing.loyalty.rules import ZERO
from tercet_marketing.loyalty.tiers import Fact

_FRESH = {"populate_existing": True}


# -- programmes and members -------------------------------------------------------------------------------------------
async def programme_of(tx: Tx, code: str) -> LoyaltyProgramme:
    """The programme with a code. Refuses a code that names none."""
    found = await tx.session.scalar(select(LoyaltyProgramme).where(LoyaltyProgramme.code == code))
    if found is None:
        raise LoyaltyProgrammeUnknown(programme_code=code)
    return found


async def active_programmes(tx: Tx) -> Sequence[LoyaltyProgramme]:
    """The programmes in which points are earned, in the order of their codes."""
    query = select(LoyaltyProgramme).where(LoyaltyProgramme.active.is_(True)).order_by(LoyaltyProgramme.code)
    return list(await tx.session.scalars(query))


async def has_members(tx: Tx, code: str) -> bool:
    """Whether anybody is in the programme."""
    return await tx.session.scalar(select(Membership.id).where(Membership.programme_code == code).limit(1)) is not None


async def membership_of(tx: Tx, programme_code: str, identity_id: UUID) -> Membership | None:
    """The identity's membership, whoever may see it."""
    query = select(Membership).where(Membership.programme_code == programme_code, Membership.identity_id == identity_id)
    return (await tx.session.scalars(query)).one_or_none()


async def memberships_of(tx: Tx, identity_ids: Collection[UUID]) -> Sequence[Membership]:
    """The memberships of identities in all programmes."""
    query = select(Membership).where(Membership.identity_id.in_(identity_ids)).order_by(Membership.id)
    return list(await tx.session.scalars(query))


async def members_by_id(tx: Tx, ids: Collection[UUID]) -> list[Membership]:
    """These memberships, as they are written now."""
    query = select(Membership).where(Membership.id.in_(ids)).order_by(Membership.id)
    return list(await tx.session.scalars(query, execution_options=_FRESH))


async def parties_memberships(tx: Tx, party_ids: Collection[UUID]) -> Sequence[Membership]:
    """The memberships of parties in all programmes, as they are written now."""
    query = select(Membership).where(Membership.party_id.in_(party_ids)).order_by(Membership.id)
    return list(await tx.session.scalars(query, execution_options=_FRESH))


async def party_members(tx: Tx, programme_code: str, party_id: UUID) -> list[Membership]:
    """The memberships that a party's points are the sum of, as they are written now, earliest first."""
    query = (
        select(Membership)
        .where(Membership.programme_code == programme_code, Membership.party_id == party_id)
        .order_by(Membership.join_time, Membership.id)
    )
    return list(await tx.session.scalars(query, execution_options=_FRESH))


async def lock_parties(tx: Tx, programme_code: str, party_ids: Collection[UUID]) -> list[Membership]:
    """The memberships of parties as they are written now, earliest first, held until the end of the transaction."""
    query = (
        select(Membership)
        .where(Membership.programme_code == programme_code, Membership.party_id.in_(party_ids))
        .order_by(Membership.id)
        .with_for_update(key_share=True)
    )
    found = await tx.session.scalars(query, execution_options=_FRESH)
    return sorted(found, key=lambda member: (member.join_time, member.id))


async def review_all(tx: Tx, programme_code: str) -> None:
    """Has every member's tier looked at, after the programme's rule changed."""
    await tx.flush()
    change = update(Membership).where(Membership.programme_code == programme_code).values(review_time=tx.now())
    await tx.session.execute(change.execution_options(synchronize_session=False))


async def due_reviews(tx: Tx, limit: int) -> Sequence[Membership]:
    """Memberships whose tier is to be looked at, longest due first."""
    query = select(Membership).where(Membership.review_time <= tx.now()).order_by(Membership.review_time).limit(limit)
    return list(await tx.session.scalars(query))


# -- points -----------------------------------------------------------------------------------------------------------
async def open_lots(tx: Tx, membership_ids: Collection[UUID]) -> list[PointsLot]:
    """What is left of what these memberships got, as it is written now."""
    query = select(PointsLot).where(PointsLot.membership_id.in_(membership_ids), PointsLot.left > 0)
    return list(await tx.session.scalars(query, execution_options=_FRESH))


async def lapsed_members(tx: Tx, limit: int) -> Sequence[Membership]:
    """Memberships with points whose time is over."""
    lots = view(PointsLot)
    ids = select(lots.c.membership_id).where(lots.c.left > 0, lots.c.expire_time <= tx.now()).distinct().limit(limit)
    return list(await tx.session.scalars(select(Membership).where(Membership.id.in_(ids)).order_by(Membership.id)))


async def entries_by_key(tx: Tx, programme_code: str, key: str) -> list[PointsEntry]:
    """What was booked under a key in a programme: one entry for each membership that it changed."""
    mine = (PointsEntry.programme_code == programme_code, PointsEntry.key == key)
    query = select(PointsEntry).where(*mine).order_by(PointsEntry.membership_id)
    return list(await tx.session.scalars(query))


async def earned_by_sale(tx: Tx, sale_id: UUID) -> list[PointsEntry]:
    """What a sale earned, in every programme."""
    query = select(PointsEntry).where(PointsEntry.sale_id == sale_id, PointsEntry.kind == "EARN")
    return list(await tx.session.scalars(query.order_by(PointsEntry.programme_code)))


async def reversed_of(tx: Tx, entry_id: UUID) -> Decimal:
    """How much of an entry was taken back so far."""
    query = select(func.sum(PointsEntry.reversed_points)).where(PointsEntry.reverses_id == entry_id)
    return await tx.session.scalar(query) or ZERO


async def lapsed_of(tx: Tx, entry_id: UUID) -> Decimal:
    """How much of what an entry brought fell away at its time."""
    query = (
        select(func.sum(-PointsLotMove.amount))
        .join(PointsLot, PointsLot.id == PointsLotMove.lot_id)
        .where(PointsLot.entry_id == entry_id, PointsLotMove.kind == "EXPIRE")
    )
    return await tx.session.scalar(query) or ZERO


async def taken_by(tx: Tx, entry_ids: Collection[UUID]) -> list[tuple[PointsLot, Decimal]]:
    """Which lots entries took points from, and how many."""
    query = (
        select(PointsLot, -PointsLotMove.amount)
        .join(PointsLotMove, PointsLot.id == PointsLotMove.lot_id)
        .where(PointsLotMove.entry_id.in_(entry_ids), PointsLotMove.amount < 0)
        .order_by(PointsLot.id)
    )
    return [(row[0], row[1]) for row in await tx.session.execute(query, execution_options=_FRESH)]


async def lots_as_of(tx: Tx, membership_ids: Collection[UUID], moment: datetime) -> list[PointsLot]:
    """The lots as they were at a moment: `left` is what was left then. They belong to no session."""
    lots, moves = view(PointsLot), view(PointsLotMove)
    moved = (
        select(moves.c.lot_id, func.sum(moves.c.amount).label("moved"))
        .where(moves.c.occur_time <= moment)
        .group_by(moves.c.lot_id)
        .subquery()
    )
    left = (lots.c.amount + func.coalesce(moved.c.moved, 0)).label("was_left")
    query = (
        select(lots.c.id, left, lots.c.usable_time, lots.c.expire_time)
        .outerjoin(moved, moved.c.lot_id == lots.c.id)
        .where(lots.c.membership_id.in_(membership_ids), lots.c.occur_time <= moment)
    )
    return [
        PointsLot(id=row.id, left=row.was_left, usable_time=row.usable_time, expire_time=row.expire_time)
        for row in await tx.session.execute(query)
    ]


# -- what counts for tiers --------------------------------------------------------------------------------------------
async def points_facts(tx: Tx, members: Sequence[Membership]) -> dict[UUID, list[Fact]]:
    """What each membership earned and what was taken back, as tiers count it."""
    rows = view(PointsEntry)
    query = select(rows.c.membership_id, rows.c.occur_time, rows.c.period_time, rows.c.qualifying).where(
        rows.c.membership_id.in_(ids_of(members)), rows.c.qualifying != 0
    )
    return _facts(await tx.session.execute(query))


async def spend_facts(tx: Tx, members: Sequence[Membership], currency: str) -> dict[UUID, list[Fact]]:
    """What each membership bought and returned, in the currency in which it was paid or reported."""
    rows = view(LoyaltySale)
    of_identity = {member.identity_id: member.id for member in members}
    amount = case((rows.c.currency == currency, rows.c.amount), else_=rows.c.reporting_amount)
    query = select(rows.c.identity_id, rows.c.occur_time, rows.c.sale_time, amount).where(
        rows.c.identity_id.in_(list(of_identity)),
        or_(rows.c.currency == currency, rows.c.reporting_currency == currency),
    )
    found = _facts(await tx.session.execute(query))
    return {of_identity[identity_id]: facts for identity_id, facts in found.items()}


def _facts(rows: Iterable[Any]) -> dict[UUID, list[Fact]]:
    found: dict[UUID, list[Fact]] = defaultdict(list)
    for id, *fact in rows:
        found[id].append(Fact(*fact))
    return found


async def sale(tx: Tx, id: UUID) -> LoyaltySale | None:
    """A sale or reversal that was told."""
    return (await tx.session.scalars(select(LoyaltySale).where(LoyaltySale.id == id))).one_or_none()


async def returned_of(tx: Tx, sale_id: UUID) -> Decimal:
    """How much of a sale came back so far, in the sale's currency."""
    await tx.flush()
    rows = view(LoyaltySale)
    query = select(func.sum(-rows.c.amount)).where(rows.c.sale_id == sale_id, rows.c.id != sale_id)
    return await tx.session.scalar(query) or ZERO


async def bought_before(tx: Tx, identity_ids: Collection[UUID], moment: datetime) -> bool:
    """Whether there was a sale before a moment."""
    query = select(LoyaltySale.id).where(
        LoyaltySale.identity_id.in_(identity_ids), LoyaltySale.occur_time < moment, LoyaltySale.amount > 0
    )
    return await tx.session.scalar(query.limit(1)) is not None


# -- what must always be so -------------------------------------------------------------------------------------------
async def unlike_ledger(tx: Tx) -> tuple[int, list[str]]:
    """How many memberships there are, and ids of those whose figure, entries, lots and ledger do not say the same."""
    members, entries, lots, accounts = view(Membership), view(PointsEntry), view(PointsLot), view(LedgerAccount)
    identity = cast(members.c.identity_id, Text)
    told = _sum(entries, entries.c.points, entries.c.membership_id == members.c.id)
    left = _sum(lots, lots.c.left, lots.c.membership_id == members.c.id)
    of_unit = [accounts.c.kind == "POINTS", accounts.c.unit == members.c.programme_code]
    own = _sum(
        accounts, accounts.c.balance, *of_unit, accounts.c.holder_type == "identity", accounts.c.holder_key == identity
    )
    owed = _sum(
        accounts,
        accounts.c.balance,
        *of_unit,
        accounts.c.holder_type == "house",
        accounts.c.holder_key == func.concat("owed:", identity),
    )
    wrong = or_(members.c.points != told, members.c.points != own + owed, left != own)
    count = await tx.session.scalar(select(func.count()).select_from(members))
    found = await tx.session.scalars(select(members.c.id).where(wrong).limit(100))
    return int(count or 0), [str(id) for id in found]


def _sum(rows: Any, amount: Any, *where: Any) -> Any:
    return select(func.coalesce(func.sum(amount), 0)).select_from(rows).where(*where).scalar_subquery()


async def some_parties(tx: Tx, limit: int, programme_code: str | None = None) -> list[list[Membership]]:
    """The parties of the latest memberships, each with all of its memberships in one programme."""
    query = select(Membership.party_id).order_by(Membership.id.desc()).limit(limit)
    if programme_code is not None:
        query = query.where(Membership.programme_code == programme_code)
    parties: dict[tuple[str, UUID], list[Membership]] = defaultdict(list)
    for member in await parties_memberships(tx, set(await tx.session.scalars(query))):
        if programme_code in (None, member.programme_code):
            parties[member.programme_code, member.party_id].append(member)
    return list(parties.values())


def ids_of(members: Iterable[Membership]) -> list[UUID]:
    """Their ids."""
    return [member.id for member in members]


async def entry_of(tx: Tx, membership_id: UUID, id: UUID) -> PointsEntry | None:
    """An entry of a membership."""
    query = select(PointsEntry).where(PointsEntry.id == id, PointsEntry.membership_id == membership_id)
    return (await tx.session.scalars(query)).one_or_none()


async def visible_memberships(tx: Tx, party_id: UUID) -> list[UUID]:
    """The memberships of a party that the caller may see."""
    members = view(Membership)
    seen = reach(Membership, members.c, tx.principal, tx.context.permission)
    return list(await tx.session.scalars(select(members.c.id).where(members.c.party_id == party_id, seen)))


async def entries_page(tx: Tx, membership_ids: Collection[UUID], request: Any, response: type[Any]) -> Any:
    """One page of these memberships' entries."""
    mine = view(PointsEntry).c.membership_id.in_(membership_ids)
    return await tx.page(PointsEntry, request, response=response, where=[mine])
