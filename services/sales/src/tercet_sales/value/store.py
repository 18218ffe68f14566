"""Queries of customer values, their policies and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.ids import new_id
from tercet_chassis.scopes import reach
from tercet_sales.value.model import CustomerValue, ValuePolicy, ValueThreshold
from tercet_sales.value.rules import Thresholds


async def policy_of(tx: Tx, unit_id: UUID) -> ValuePolicy | None:
    """The unit's own policy, else that for all units."""
    query = (
        select(ValuePolicy)
        .where(ValuePolicy.unit_key.in_(("", str(unit_id))))
        .order_by(ValuePolicy.unit_key.desc())
        .limit(1)
    )
    return (await tx.session.scalars(query)).one_or_none()


async def value_of(tx: Tx, identity_id: UUID, unit_id: UUID, start: date) -> CustomerValue | None:
    """The identity's row of the period."""
    query = select(CustomerValue).where(
        CustomerValue.identity_id == identity_id,
        CustomerValue.unit_id == unit_id,
        CustomerValue.period_start_date == start,
    )
    return (await tx.session.scalars(query)).one_or_none()


async def values_of_party(tx: Tx, party_id: UUID, unit_id: UUID, start: date) -> list[CustomerValue]:
    """The rows of the party's identities, in the order in which one of them leads."""
    query = (
        select(CustomerValue)
        .where(
            CustomerValue.party_id == party_id,
            CustomerValue.unit_id == unit_id,
            CustomerValue.period_start_date == start,
        )
        .order_by(CustomerValue.identity_id)
    )
    return list(await tx.session.scalars(query))


async def values_of_period(tx: Tx, unit_id: UUID, start: date) -> list[CustomerValue]:
    """Every row of a unit's period."""
    query = (
        select(CustomerValue)
        .where(CustomerValue.unit_id == unit_id, CustomerValue.period_start_date == start)
        .order_by(CustomerValue.identity_id)
    )
    return list(await tx.session.scalars(query))


async def values_of_other_periods(tx: Tx, unit_id: UUID, start: date, end: date) -> list[CustomerValue]:
    """Rows that still count sales of these days in a period of another length."""
    query = (
        select(CustomerValue)
        .where(
            CustomerValue.unit_id == unit_id,
            CustomerValue.period_start_date <= end,
            CustomerValue.period_end_date >= start,
            CustomerValue.period_start_date != start,
            CustomerValue.order_count > 0,
        )
        .order_by(CustomerValue.identity_id)
    )
    return list(await tx.session.scalars(query))


async def periods_of_identities(tx: Tx, identity_ids: Sequence[UUID]) -> list[tuple[UUID, date]]:
    """Units and periods in which any of the identities has a row."""
    values = view(CustomerValue)
    query = (
        select(values.c.unit_id, values.c.period_start_date).where(values.c.identity_id.in_(identity_ids)).distinct()
    )
    return [(row.unit_id, row.period_start_date) for row in await tx.session.execute(query)]


async def thresholds_of(tx: Tx, unit_id: UUID, start: date, currency: str) -> Thresholds | None:
    """The thresholds that the last rebuild found, or None before the first."""
    query = select(ValueThreshold).where(
        ValueThreshold.unit_id == unit_id,
        ValueThreshold.period_start_date == start,
        ValueThreshold.currency == currency,
    )
    row = (await tx.session.scalars(query)).one_or_none()
    return None if row is None else Thresholds(row.average, row.count)


async def keep_thresholds(tx: Tx, unit_id: UUID, start: date, currency: str, thresholds: Thresholds) -> None:
    """Replaces the thresholds of a unit's period."""
    values = {
        "currency": currency,
        "average": thresholds.average,
        "count": thresholds.count,
        "compute_time": tx.now(),
        "update_time": tx.now(),
    }
    key = {"tenant_id": tx.tenant_id, "unit_id": unit_id, "period_start_date": start}
    fresh = {"id": new_id(), "create_time": tx.now(), "row_version": 1}
    await tx.session.execute(
        insert(ValueThreshold)
        .values(**key, **fresh, **values)
        .on_conflict_do_update(constraint="value_thresholds_once", set_=values)
    )


async def quadrants(tx: Tx, unit_id: UUID, start: date) -> dict[UUID, str]:
    """The quadrant of each party of the unit in a period, as far as the caller's reach goes."""
    values = view(CustomerValue)
    query = select(values.c.party_id, values.c.quadrant).where(
        values.c.unit_id == unit_id,
        values.c.period_start_date == start,
        values.c.leading,
        values.c.order_count > 0,
        reach(CustomerValue, values.c, tx.principal, tx.context.permission),
    )
    return {row.party_id: row.quadrant or "QUADRANT_UNSPECIFIED" for row in await tx.session.execute(query)}


async def leading_value(tx: Tx, party_id: UUID, unit_id: UUID, day: date) -> CustomerValue | None:
    """The party's value to the unit in the period that holds the day."""
    query = (
        select(CustomerValue)
        .where(
            CustomerValue.party_id == party_id,
            CustomerValue.unit_id == unit_id,
            CustomerValue.period_start_date <= day,
            CustomerValue.period_end_date >= day,
            CustomerValue.leading,
            CustomerValue.order_count > 0,
        )
        .order_by(CustomerValue.period_start_date.desc())
        .limit(1)
    )
    return (await tx.session.scalars(query)).one_or_none()


async def active_units(tx: Tx, day: date) -> list[UUID]:
    """Units with a value in a period that holds the day."""
    values = view(CustomerValue)
    query = (
        select(values.c.unit_id).where(values.c.period_start_date <= day, values.c.period_end_date >= day).distinct()
    )
    return list(await tx.session.scalars(query))
