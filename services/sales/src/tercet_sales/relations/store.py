"""Queries of relations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.relations.model import Relation, RelationKind
from tercet_sales.relations.rules import BUILT_IN, Edge, KindRules, Period


async def lock_kind(tx: Tx, kind_code: str) -> None:
    """Makes others who write relations of this kind wait: neither overlaps nor circles can be seen row by row."""
    await tx.hold("relation", [kind_code])


async def kind_rules(tx: Tx, code: str) -> KindRules | None:
    """The tenant's rules for a kind, or the built-in ones; None when there is no such kind."""
    own = (await tx.session.scalars(select(RelationKind).where(RelationKind.code == code))).one_or_none()
    return own.rules() if own is not None else BUILT_IN.get(code)


async def known_kinds(tx: Tx) -> list[str]:
    """Codes of all kinds, the tenant's own included."""
    own = (await tx.session.scalars(select(view(RelationKind).c.code))).all()
    return sorted({*BUILT_IN, *own})


async def uses_kind(tx: Tx, kind_code: str) -> bool:
    """Whether there are relations of a kind."""
    v = view(Relation)
    return (await tx.session.scalar(select(v.c.id).where(v.c.kind_code == kind_code).limit(1))) is not None


async def edges(tx: Tx, kind_code: str, party_ids: Iterable[UUID]) -> list[Edge]:
    """The relations of a kind whose first party is one of these, as the rules see them."""
    v = view(Relation)
    query = (
        select(v.c.id, v.c.from_party_id, v.c.to_party_id, v.c.start_date, v.c.end_date)
        .where(v.c.kind_code == kind_code, v.c.from_party_id.in_(sorted(party_ids)))
        .order_by(v.c.id)
    )
    return [
        Edge(row.id, row.from_party_id, row.to_party_id, Period(row.start_date, row.end_date))
        for row in (await tx.session.execute(query)).all()
    ]


async def edges_onward(tx: Tx, kind_code: str, party_id: UUID) -> list[Edge]:
    """Every relation of a kind that can be reached from a party, level by level: a hierarchy is wide, but not deep."""
    found: list[Edge] = []
    seen: set[UUID] = set()
    level = {party_id}
    while level:
        seen |= level
        reached = await edges(tx, kind_code, level)
        found += reached
        level = {edge.end_party for edge in reached} - seen
    return found


def as_of(party_id: UUID, day: date, *, kind_code: str, first: bool, second: bool) -> Sequence[ColumnElement[bool]]:
    """Conditions for the relations of a party on one day."""
    v = view(Relation)
    ends: list[Any] = []
    if first:
        ends.append(v.c.from_party_id == party_id)
    if second:
        ends.append(v.c.to_party_id == party_id)
    conditions = [
        or_(*ends),
        or_(v.c.start_date.is_(None), v.c.start_date <= day),
        or_(v.c.end_date.is_(None), v.c.end_date >= day),
    ]
    return [*conditions, v.c.kind_code == kind_code] if kind_code else conditions


async def move_identity(tx: Tx, identity_id: UUID, party_id: UUID) -> None:
    """Puts an identity under a party on both ends of relations."""
    for identity, party in (
        (Relation.from_identity_id, Relation.from_party_id),
        (Relation.to_identity_id, Relation.to_party_id),
    ):
        await tx.session.execute(
            update(Relation)
            .where(identity == identity_id, party != party_id)
            .values({party: party_id, Relation.row_version: Relation.row_version + 1, Relation.update_time: tx.now()})
            .execution_options(synchronize_session=False)
        )
