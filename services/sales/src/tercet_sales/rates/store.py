"""Queries of currency rates, and the currency in which a unit reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money
from tercet_sales.rates.model import CurrencyRate
from tercet_sales.rates.rules import backwards, convert

FALLBACK_CURRENCY = "CNY"


async def rate_row(tx: Tx, from_currency: str, to_currency: str, day: date) -> tuple[UUID, Decimal, date] | None:
    """Id, rate and day of the latest rate on or before a day; of one day the one added last.

    Read backwards when only that is there.
    """
    v = view(CurrencyRate)
    for ends, turn in (((from_currency, to_currency), False), ((to_currency, from_currency), True)):
        query = (
            select(v.c.id, v.c.rate, v.c.rate_date)
            .where(v.c.from_currency == ends[0], v.c.to_currency == ends[1], v.c.rate_date <= day)
            .order_by(v.c.rate_date.desc(), v.c.create_time.desc(), v.c.id.desc())
            .limit(1)
        )
        found = (await tx.session.execute(query)).first()
        if found is not None:
            return found.id, backwards(found.rate) if turn else found.rate, found.rate_date
    return None


async def rate_on(tx: Tx, from_currency: str, to_currency: str, day: date) -> tuple[UUID | None, Decimal] | None:
    """The rate's id and the rate that holds on a day; no id and 1 for the same currency; None when there is no rate."""
    if from_currency == to_currency:
        return None, Decimal(1)
    found = await rate_row(tx, from_currency, to_currency, day)
    return None if found is None else (found[0], found[1])


async def in_reporting(
    tx: Tx, money: Money | None, unit_id: UUID | None, day: date
) -> tuple[Money | None, UUID | None]:
    """The amount in the unit's reporting currency and the rate that was used.

    Nothing when there is no rate that day.
    """
    if money is None:
        return None, None
    _, target = await tx.known.zone_and_currency(unit_id)
    target = target or FALLBACK_CURRENCY
    found = await rate_on(tx, money.currency, target, day)
    return (None, None) if found is None else (convert(money, target, found[1]), found[0])
