"""Times as rows."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, index


class TicketTime(Entity):
    """Time that somebody spent on a ticket; never changed."""

    __tablename__ = "ticket_times"
    __table_args__ = (index("ticket_times_by_ticket", "ticket_id", "id"),)

    ticket_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    minutes: Mapped[int]
    note: Mapped[str] = column(default="")
