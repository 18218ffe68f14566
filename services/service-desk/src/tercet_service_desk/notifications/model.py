"""Notifications, and who holds which role."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, index, unique


class Notification(Entity):
    """Something that one user should look at."""

    __tablename__ = "notifications"
    __table_args__ = (
        unique("notifications_once", "event_id", "user_id"),
        index("notifications_by_user", "user_id", "create_time"),
    )

    user_id: Mapped[UUID]
    kind: Mapped[str]
    ticket_id: Mapped[UUID]
    ticket_number: Mapped[str]
    reason_code: Mapped[str] = column(default="")
    read_time: Mapped[datetime | None]
    # The event that it tells of.
    event_id: Mapped[UUID]


class RoleHolder(Entity):
    """A user as gateway announces one: let in or not, and with which roles for which units."""

    __tablename__ = "role_holders"
    __message__ = None

    active: Mapped[bool] = column(default=True)
    roles: Mapped[list[Any]] = column(default=list)

    def holds(self, codes: set[str], units: set[str] | None) -> bool:
        """Whether they hold one of these roles for one of these units, or for any when none are given."""
        fit = (role for role in self.roles if role["role_code"] in codes)
        return self.active and any(units is None or role["unit_id"] in units for role in fit)
