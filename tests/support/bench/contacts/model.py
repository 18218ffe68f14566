"""Entities with every mixin and kind of column, and one without a message."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, Searchable, column, index, unique


class Contact(Linked, Owned, Custom, External, Searchable, Entity):
    """Somebody at a company."""

    __tablename__ = "contacts"
    __table_args__ = (
        unique("contacts_by_external", "external_system", "external_id", field="contact.external_ref"),
        index("contacts_by_customer", "customer_id", "create_time"),
    )

    customer_id: Mapped[UUID]
    full_name: Mapped[str]
    job_title: Mapped[str] = column(default="unknown")
    department: Mapped[str] = column(default="")
    buying_role: Mapped[str | None]
    preferred: Mapped[bool] = column(default=False)
    phones: Mapped[list[Any]] = column(default=list)
    emails: Mapped[list[Any]] = column(default=list)
    accounts: Mapped[list[Any]] = column(default=list)
    birth_date: Mapped[date | None]
    language_code: Mapped[str | None]
    active: Mapped[bool] = column(default=True)
    remark: Mapped[str] = column(default="")


class Activity(Linked, Owned, Custom, External, Searchable, Entity):
    """Something done or to be done."""

    __tablename__ = "activities"

    state: Mapped[str] = column(default="OPEN")
    kind: Mapped[str]
    subject: Mapped[dict[str, Any] | None]
    title: Mapped[str]
    text: Mapped[str] = column(default="")
    start_time: Mapped[datetime | None]
    due_time: Mapped[datetime | None]
    done_time: Mapped[datetime | None]
    outcome_code: Mapped[str | None]
    intent_level: Mapped[int | None]
    key_events: Mapped[list[str]] = column(default=list)
    next_step: Mapped[str] = column(default="")
    next_due_time: Mapped[datetime | None]
    next_activity_id: Mapped[UUID | None]
    remind_time: Mapped[datetime | None]
    edit_count: Mapped[int] = column(default=0)
    address: Mapped[dict[str, Any] | None]


class Happening(Entity):
    """One effect of a handler, so that tests can count them."""

    __tablename__ = "happenings"
    __message__ = None

    kind: Mapped[str]
    note: Mapped[str]
    version: Mapped[int] = column(default=0)
