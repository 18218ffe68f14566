"""Contacts as rows; each row's id is the contact's."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, index


class CompanyContact(Entity):
    """A contact as sales told it last."""

    __tablename__ = "company_contacts"
    __table_args__ = (index("company_contacts_by_customer", "customer_id", where="active"),)
    __message__: ClassVar[str | None] = None

    customer_id: Mapped[UUID]
    # The trace by which they were met themselves, when they were.
    person_identity_id: Mapped[UUID | None]
    full_name: Mapped[str] = column(default="")
    role: Mapped[str] = column(default="")
    preferred: Mapped[bool] = column(default=False)
    active: Mapped[bool] = column(default=True)
    language: Mapped[str] = column(default="")
    contact_points: Mapped[list[Any]] = column(default=list)
