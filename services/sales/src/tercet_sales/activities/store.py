"""Queries of activities, and whom they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.activities.errors import SubjectUnknown
from tercet_sales.activities.model import Activity, ActivityEdit
from tercet_sales.activities.rules import OPEN
from tercet_sales.customers.model import Contact, Customer
from tercet_sales.opportunities.model import Opportunity

# What of ours an activity may be about and be checked for; anything else is taken at its word.
_OWN = {"customer": Customer, "contact": Contact, "opportunity": Opportunity}


async def link(tx: Tx, activity: Activity) -> None:
    """Takes over who the subject is about, when it is one of ours.

    Refuses a subject that is not in the caller's reach.
    """
    subject = activity.subject
    kind = _OWN.get(subject["type"]) if subject and subject["service"] == "sales" else None
    if subject is not None and kind is not None:
        found: Any = await tx.find(kind, subject["id"])
        if found is None:
            raise SubjectUnknown(type=subject["type"], id=subject["id"])
        activity.identity_id, activity.party_id = found.identity_id, found.party_id
        activity.unit_id = activity.unit_id or found.unit_id
    activity.party_id = activity.party_id or activity.identity_id
    activity.identity_id = activity.identity_id or activity.party_id


def opportunity_id(activity: Activity) -> UUID | None:
    """The opportunity it is about, if it is about one of ours."""
    subject = activity.subject
    about = subject is not None and subject["service"] == "sales" and subject["type"] == "opportunity"
    return UUID(subject["id"]) if subject is not None and about else None


def open_until(owner_id: UUID, until: datetime) -> list[ColumnElement[bool]]:
    """Conditions for somebody's open activities that are due before an instant."""
    v = view(Activity)
    return [v.c.owner_id == owner_id, v.c.state == OPEN, v.c.due_time < until]


async def open_work(tx: Tx, party_id: UUID, owner_id: UUID) -> Sequence[Activity]:
    """The open activities that somebody has about a party; locked."""
    query = select(Activity).where(Activity.party_id == party_id, Activity.owner_id == owner_id, Activity.state == OPEN)
    return (await tx.session.scalars(query.order_by(Activity.id).with_for_update())).all()


async def forget_edits(tx: Tx, activity_id: UUID) -> None:
    """Removes what an activity that is deleted said before."""
    await tx.session.execute(delete(ActivityEdit).where(ActivityEdit.activity_id == activity_id))


def edits_of(activity_id: UUID) -> list[ColumnElement[bool]]:
    """Condition for the edits of one activity."""
    return [view(ActivityEdit).c.activity_id == activity_id]
