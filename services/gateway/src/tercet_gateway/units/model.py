"""Units as rows: each keeps its whole path, so that a branch is one prefix."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Mapped, Owned, Searchable, column, index, unique
from tercet_gateway.units.errors import DatesReversed, UnitCannotStandThere, UnitIsRoot, ZoneUnknown
from tercet_gateway.units.rules import DEEPEST, is_within, level_of, may_stand_below, path_of, zone_known


class Unit(Owned, Custom, External, Searchable, Entity):
    """A part of the company or of its sales network. It is its own unit, so scopes reach it like its records."""

    __tablename__ = "units"
    __table_args__ = (
        unique("units_by_code", "code", field="unit.code"),
        unique("units_by_external", "external_system", "external_id", field="unit.external_ref"),
        index("units_by_path", "path"),
        index("units_by_parent", "parent_id"),
    )

    parent_id: Mapped[UUID | None]
    path: Mapped[str] = column(default="")
    code: Mapped[str]
    name: Mapped[str]
    type: Mapped[str]
    reporting_currency: Mapped[str] = column(default="")
    zone: Mapped[str] = column(default="")
    territories: Mapped[list[str]] = column(default=list)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]

    def place_below(self, parent: Unit | None) -> None:
        """Puts it under a parent, or as the root; takes over currency and zone that it lacks.

        Refuses a circle, anything but a team below a team, and a tree deeper than twelve levels.
        """
        if parent is not None:
            if self.path and is_within(parent.path, self.path):
                raise UnitCannotStandThere(code=self.code, parent_code=parent.code, cause="it would stand below itself")
            if not may_stand_below(self.type, parent.type):
                raise UnitCannotStandThere(
                    code=self.code, parent_code=parent.code, cause="only teams stand below a team"
                )
            if level_of(parent.path) >= DEEPEST:
                raise UnitCannotStandThere(
                    code=self.code, parent_code=parent.code, cause=f"the tree has {DEEPEST} levels at most"
                )
            self.parent_id = parent.id
            self.reporting_currency = self.reporting_currency or parent.reporting_currency
            self.zone = self.zone or parent.zone
        self.path = path_of(self.id, parent.path if parent else "")
        self.owner_id, self.unit_id = None, self.id

    def check(self) -> None:
        """Refuses a period that ends before it begins and a time zone that does not exist."""
        check_period(self.start_date, self.end_date)
        check_zone(self.zone)

    def check_not_root(self) -> None:
        """Refuses to touch the root's place."""
        if self.parent_id is None:
            raise UnitIsRoot(code=self.code)


def check_period(start: date | None, end: date | None) -> None:
    """Refuses a period that ends before it begins."""
    if start and end and end < start:
        raise DatesReversed(start_date=start, end_date=end)


def check_zone(zone: str) -> None:
    """Refuses a time zone that does not exist; an empty one is none."""
    if zone and not zone_known(zone):
        raise ZoneUnknown(zone=zone)
