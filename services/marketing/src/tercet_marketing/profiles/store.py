"""Queries of profiles and of what they are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from tercet_chassis import Tx, derived_id
from tercet_chassis.entity import Entity, view
from tercet_chassis.money import Money
from tercet_marketing.profiles.model import (
    Profile,
    ProfilePurchase,
    ProfileSource,
    ProfileValue,
    TagChange,
    moment_text,
)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


async def hold(tx: Tx, identity_id: UUID) -> None:
    """Makes others who tell something of the identity wait until the end of the transaction."""
    await tx.session.execute(_LOCK, {"key": f"profile:{tx.tenant_id}:{identity_id}"})


async def profile_of(tx: Tx, identity_id: UUID) -> Profile | None:
    """The identity's profile, whoever may see it."""
    return (await tx.session.scalars(select(Profile).where(Profile.identity_id == identity_id))).one_or_none()


async def profile_for(tx: Tx, identity_id: UUID, party_id: UUID) -> Profile:
    """The identity's profile, made when there is none."""
    return await profile_of(tx, identity_id) or new_profile(tx, identity_id, party_id)


def new_profile(tx: Tx, identity_id: UUID, party_id: UUID) -> Profile:
    """An empty profile; its id follows from the identity, so that one that is built anew has the same."""
    made = Profile(
        id=derived_id("profile", tx.tenant_id, identity_id),
        identity_id=identity_id,
        party_id=party_id,
        display_name="",
        contact_points=[],
        lead_state="",
        lifecycle_code="",
        customer_lifecycle_code="",
        order_count=0,
        consents=[],
        tags=[],
        tag_codes=[],
        spent=[],
        values=[],
    )
    return tx.add(made)


async def profiles_of_party(tx: Tx, party_id: UUID) -> list[Profile]:
    """The profiles of a party's identities, whoever may see them."""
    return list(await tx.session.scalars(select(Profile).where(Profile.party_id == party_id).order_by(Profile.id)))


async def kept(tx: Tx, entity: type[Entity], id: UUID, values: dict[str, Any]) -> None:
    """Writes what somebody else's resource contributes, under that resource's id."""
    row = await tx.session.get(entity, (tx.tenant_id, id))
    if row is None:
        tx.add(entity(id=id, **values))
        return
    for name, value in values.items():
        setattr(row, name, value)


async def other_sources(tx: Tx, identity_id: UUID, but_not: UUID) -> list[dict[str, Any]]:
    """What other leads and customers contribute to the identity."""
    rows = view(ProfileSource)
    query = select(rows.c.facts).where(rows.c.identity_id == identity_id, rows.c.id != but_not).order_by(rows.c.id)
    return list(await tx.session.scalars(query))


async def purchases_of(tx: Tx, identity_id: UUID) -> list[tuple[str, datetime, Money]]:
    """Sale, its time and signed amount of each of the identity's transactions."""
    rows = view(ProfilePurchase)
    query = select(rows.c.sale_id, rows.c.sale_time, rows.c.amount, rows.c.currency).where(
        rows.c.identity_id == identity_id
    )
    return [
        (str(row.sale_id), row.sale_time, Money(row.amount, row.currency)) for row in await tx.session.execute(query)
    ]


async def values_of(tx: Tx, party_id: UUID) -> list[dict[str, Any]]:
    """What sales told of the party's value."""
    rows = view(ProfileValue)
    query = select(rows).where(rows.c.party_id == party_id, rows.c.order_count > 0).order_by(rows.c.id)
    return [
        {
            "unit_id": str(row.unit_id),
            "period_start_date": row.period_start_date.isoformat(),
            "quadrant": row.quadrant,
            "order_count": row.order_count,
            "total": {"currency_code": row.currency, "amount": Money(row.total, row.currency).text()},
            "told": moment_text(row.told_time),
        }
        for row in await tx.session.execute(query)
    ]


async def tag_changes(tx: Tx, profile_id: UUID, limit: int) -> Sequence[TagChange]:
    """The latest changes of a profile's tags."""
    query = (
        select(TagChange)
        .where(TagChange.profile_id == profile_id)
        .order_by(TagChange.change_time.desc(), TagChange.id.desc())
        .limit(limit)
    )
    return list(await tx.session.scalars(query))
