"""Queries of surveys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_service_desk.satisfaction.model import Survey
from tercet_service_desk.satisfaction.rules import SATISFIED_FROM
from tercet_service_desk.tickets.model import Ticket

_MOST_OWNERS = 200


async def of_ticket(tx: Tx, ticket_id: UUID) -> Survey | None:
    """The survey of a ticket."""
    return (await tx.session.scalars(select(Survey).where(Survey.ticket_id == ticket_id))).one_or_none()


async def lock_ticket(tx: Tx, ticket_id: UUID) -> Ticket | None:
    """A ticket as it is now, held until the end of the transaction; None when it was deleted."""
    query = select(Ticket).where(Ticket.id == ticket_id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def by_ids(tx: Tx, ids: Collection[UUID]) -> Sequence[Survey]:
    """The surveys of these ids as they are now, held until the end of the transaction."""
    query = select(Survey).where(Survey.id.in_(ids)).order_by(Survey.id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).all()


async def figures(tx: Tx, since: datetime, until: datetime) -> Sequence[Any]:
    """Figures by owner of the surveys that the caller may see; the first row is all of them."""
    survey = view(Survey)
    answered = survey.c.state == "ANSWERED"
    answers = func.count().filter(answered)
    columns = (
        survey.c.owner_id,
        func.grouping(survey.c.owner_id).label("whole"),
        func.count().label("surveys"),
        answers.label("answers"),
        func.count().filter(answered, survey.c.score >= SATISFIED_FROM).label("satisfied"),
        func.coalesce(func.avg(survey.c.score).filter(answered), 0).label("mean"),
        func.count(survey.c.complaint_ticket_id).label("complaints"),
    )
    inside = reach(Survey, survey.c, tx.principal, tx.context.permission)
    query = select(*columns).where(inside, survey.c.create_time >= since, survey.c.create_time < until)
    query = query.group_by(func.rollup(survey.c.owner_id)).order_by(func.grouping(survey.c.owner_id).desc())
    return (await tx.session.execute(query.order_by(answers.desc(), survey.c.owner_id).limit(_MOST_OWNERS + 1))).all()


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many surveys there are, and tickets with two or answers without a score."""
    survey = view(Survey)
    total = await tx.session.scalar(select(func.count()).select_from(survey))
    answered = (survey.c.state == "ANSWERED") & survey.c.score.between(1, 5) & survey.c.answer_time.is_not(None)
    waiting = (survey.c.state == "OPEN") & (survey.c.score == 0)
    odd = func.count().filter(~(answered | waiting))
    query = select(survey.c.ticket_id).group_by(survey.c.ticket_id).having((func.count() > 1) | (odd > 0)).limit(20)
    return int(total or 0), [f"ticket {id}" for id in (await tx.session.scalars(query)).all()]
