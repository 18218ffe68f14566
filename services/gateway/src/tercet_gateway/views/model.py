"""Saved views as rows."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Owned, Searchable, column, index, unique

PRIVATE, UNIT, TENANT = "PRIVATE", "UNIT", "TENANT"


class SavedView(Owned, Searchable, Entity):
    """How somebody likes to see a list."""

    __tablename__ = "saved_views"
    __table_args__ = (
        unique("saved_views_by_name", "owner_id", "collection", "name", field="saved_view.name"),
        index("saved_views_by_collection", "collection", "sharing"),
    )

    name: Mapped[str]
    collection: Mapped[str]
    columns: Mapped[list[str]] = column(default=list)
    filter: Mapped[str] = column(default="")
    order_by: Mapped[str] = column(default="")
    sharing: Mapped[str] = column(default=PRIVATE)

    def is_seen_by(self, subject: UUID | None, unit_ids: tuple[UUID, ...]) -> bool:
        """Whether somebody sees it: its owner, the unit's people, or everybody, as it is shared."""
        return (
            self.owner_id == subject
            or self.sharing == TENANT
            or (self.sharing == UNIT and self.unit_id is not None and self.unit_id in unit_ids)
        )
