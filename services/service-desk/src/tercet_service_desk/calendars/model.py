"""Calendars as rows."""

from __future__ import annotations

from typing import Any

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_service_desk.calendars.parsing import working_time_of
from tercet_service_desk.calendars.rules import WorkingTime


class Calendar(Entity):
    """When work is done."""

    __tablename__ = "calendars"
    __table_args__ = (unique("calendars_by_code", "code", field="calendar.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    zone: Mapped[str]
    weekly_hours: Mapped[list[Any]] = column(default=list)
    special_days: Mapped[list[Any]] = column(default=list)

    def working_time(self) -> WorkingTime:
        """The calendar ready to be asked. Refuses hours and days that are none."""
        return working_time_of(self.zone, self.weekly_hours or [], self.special_days or [])
