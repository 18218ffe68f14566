"""Promises as rows."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, Searchable, column, index
from tercet_sales.promises.errors import PromiseOver


class Promise(Linked, Owned, Searchable, Entity):
    """Something that was promised to a customer."""

    __tablename__ = "promises"
    __table_args__ = (
        index("promises_by_party", "party_id", "create_time"),
        index("promises_by_identity", "identity_id"),
        index("promises_by_order", "order_id", where="order_id IS NOT NULL"),
    )

    text: Mapped[str]
    due_date: Mapped[date | None]
    state: Mapped[str] = column(default="OPEN")
    order_id: Mapped[UUID | None]
    end_time: Mapped[datetime | None]
    ticket_id: Mapped[UUID | None]

    def must_be_open(self) -> None:
        """Refuses once it is kept or withdrawn."""
        if self.state != "OPEN":
            raise PromiseOver(state=self.state)

    def end(self, state: str, now: datetime, ticket_id: UUID | None = None) -> None:
        """KEPT or WITHDRAWN. Refused once it is one of them."""
        self.must_be_open()
        self.state, self.end_time, self.ticket_id = state, now, ticket_id
