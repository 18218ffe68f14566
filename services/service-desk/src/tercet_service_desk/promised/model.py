"""Promises of sales, and which tickets have nothing to do with them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, column, index, unique


class PromisedItem(Linked, Entity):
    """A promise as sales announced it last; the id is the promise's own."""

    __tablename__ = "promised_items"
    __table_args__ = (
        index("promised_items_by_party", "party_id", "create_time"),
        index("promised_items_by_identity", "identity_id"),
    )
    __message__ = None

    text: Mapped[str]
    due_date: Mapped[date | None]
    order_id: Mapped[UUID | None]
    promised_by_id: Mapped[UUID | None]
    state: Mapped[str] = column(default="OPEN")
    # Done here, which sales may not have heard of yet.
    keep_time: Mapped[datetime | None]

    @property
    def open(self) -> bool:
        """True while it is to be done."""
        return self.state == "OPEN" and self.keep_time is None


class PromiseSetAside(Entity):
    """A promise is no matter of a ticket."""

    __tablename__ = "promises_set_aside"
    __table_args__ = (unique("promises_set_aside_once", "ticket_id", "promise_id"),)
    __message__ = None

    ticket_id: Mapped[UUID]
    promise_id: Mapped[UUID]
