"""Customers as sales announced them, as far as intake needs them."""

from __future__ import annotations

from tercet_chassis.entity import Entity, Linked, Mapped, Owned, column, index


class KnownCustomer(Linked, Owned, Entity):
    """A party that is somebody's customer: new leads of it go to that owner and are never disturbed by cold
    outreach.
    """

    __tablename__ = "known_customers"
    __table_args__ = (index("known_customers_by_party", "party_id"),)
    __message__ = None

    active: Mapped[bool] = column(default=True)
