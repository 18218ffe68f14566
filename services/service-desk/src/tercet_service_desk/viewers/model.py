"""Who has a ticket open, in rows that live for seconds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, index, unique


class TicketView(Entity):
    """One user at one ticket."""

    __tablename__ = "ticket_views"
    __table_args__ = (unique("ticket_views_once", "ticket_id", "user_id"), index("ticket_views_by_age", "seen_time"))
    __message__ = None

    ticket_id: Mapped[UUID]
    user_id: Mapped[UUID]
    editing: Mapped[bool] = column(default=False)
    begin_time: Mapped[datetime]
    seen_time: Mapped[datetime]
