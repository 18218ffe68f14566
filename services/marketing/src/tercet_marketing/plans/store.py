"""Queries of the plans and of their calendar."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_marketing.plans.model import Plan
from tercet_marketing.segments.model import SegmentMember
from tercet_marketing.sends.model import Send
from tercet_marketing.sends.rules import QUEUED
from tercet_marketing.strategies.model import Strategy, StrategyDecision
from tercet_marketing.strategies.rules import DEFERRED
from tercet_marketing.strategies.states import ENDED

_OUTLIVED = (
    "SELECT DISTINCT s.code FROM fenced.plans p JOIN fenced.strategies s ON p.strategy_codes ? s.code "
    "WHERE p.state = 'ENDED' AND s.state <> 'ENDED' AND s.create_time <= p.end_time LIMIT $1"
)


async def locked(tx: Tx, codes: Collection[str]) -> list[Strategy]:
    """Strategies by code, held until the end of the transaction, in one order."""
    query = select(Strategy).where(Strategy.code.in_(codes)).order_by(Strategy.code).with_for_update()
    return list(await tx.session.scalars(query.execution_options(populate_existing=True)))


async def others_with(tx: Tx, codes: Collection[str], but: UUID) -> list[Plan]:
    """Other plans that have not ended and hold one of these strategies."""
    held = Plan.strategy_codes.op("?|")(cast(list(codes), ARRAY(Text)))
    query = select(Plan).where(Plan.id != but, Plan.state != ENDED, held).order_by(Plan.code)
    return list(await tx.session.scalars(query))


async def overlapping(tx: Tx, first: date, last: date, begin: datetime) -> list[Plan]:
    """Plans that are not over before these days and do not begin after them."""
    query = (
        select(Plan)
        .where(
            (Plan.begin_date.is_(None)) | (Plan.begin_date <= last),
            (Plan.end_date.is_(None)) | (Plan.end_date >= first),
            (Plan.end_time.is_(None)) | (Plan.end_time >= begin),
        )
        .order_by(Plan.code)
    )
    return list(await tx.session.scalars(query))


async def strategies_since(tx: Tx, moment: datetime) -> Sequence[Strategy]:
    """Strategies that had not ended by then."""
    query = (
        select(Strategy).where((Strategy.end_time.is_(None)) | (Strategy.end_time >= moment)).order_by(Strategy.code)
    )
    return (await tx.session.scalars(query)).all()


async def sends_due(tx: Tx, zone: str, now: datetime, until: datetime) -> dict[date, int]:
    """Messages that wait, by the day on which they are to go; what is overdue counts as today."""
    rows = view(Send)
    due = rows.c.next_time
    wanted = (rows.c.state == QUEUED, due < until, reach(Send, rows.c, tx.principal, tx.context.permission))
    return await _by_day(tx, due, zone, now, wanted)


async def decisions_due(tx: Tx, zone: str, now: datetime, until: datetime) -> dict[date, int]:
    """Decisions that were put off, by the day to which they were."""
    rows = view(StrategyDecision)
    due = rows.c.due_time
    wanted = (
        rows.c.outcome == DEFERRED,
        due < until,
        reach(StrategyDecision, rows.c, tx.principal, tx.context.permission),
    )
    return await _by_day(tx, due, zone, now, wanted)


async def _by_day(
    tx: Tx, due: ColumnElement[datetime], zone: str, now: datetime, wanted: Sequence[ColumnElement[bool]]
) -> dict[date, int]:
    day = cast(func.timezone(zone, func.greatest(due, now)), Date).label("day")
    query = select(day, func.count()).where(*wanted).group_by(day)
    return {row[0]: row[1] for row in await tx.session.execute(query)}


async def member_counts(tx: Tx, segment_codes: Collection[str]) -> dict[str, int]:
    """How many are in segments, as far as the caller reaches."""
    rows = view(SegmentMember)
    query = (
        select(rows.c.segment_code, func.count())
        .where(
            rows.c.segment_code.in_(segment_codes),
            rows.c.state == "IN",
            reach(SegmentMember, rows.c, tx.principal, tx.context.permission),
        )
        .group_by(rows.c.segment_code)
    )
    return {row[0]: row[1] for row in await tx.session.execute(query)}


async def alive_after_the_end(tx: Tx, most: int) -> tuple[int, list[str]]:
    """How many plans have ended, and strategies that outlived theirs."""
    count = (await tx.fetch("SELECT count(*) AS n FROM fenced.plans WHERE state = 'ENDED'"))[0]["n"]
    return int(count), [row["code"] for row in await tx.fetch(_OUTLIVED, most)]
