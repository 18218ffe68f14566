"""An import and the rows that it refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet_chassis.entity import Entity, Mapped, Owned, column, index
from tercet_leads.imports.errors import ImportNotDone, ImportNotReady, TimeZoneUnknown


class Import(Owned, Entity):
    """One file of leads on its way in."""

    __tablename__ = "imports"
    __table_args__ = (index("imports_by_create_time", "create_time"),)

    lead_owner_id: Mapped[UUID | None]
    lead_unit_id: Mapped[UUID | None]
    file_id: Mapped[UUID]
    file_name: Mapped[str] = column(default="")
    format: Mapped[str] = column(default="CSV")
    encoding: Mapped[str] = column(default="")
    delimiter: Mapped[str] = column(default="")
    sheet_name: Mapped[str] = column(default="")
    # The names of the file's columns, as they were found.
    header: Mapped[list[Any]] = column(default=list)
    columns: Mapped[list[Any]] = column(default=list)
    source_code: Mapped[str] = column(default="")
    country_code: Mapped[str] = column(default="")
    time_zone: Mapped[str] = column(default="")
    external_system: Mapped[str] = column(default="")
    automations: Mapped[bool] = column(default=False)
    state: Mapped[str] = column(default="READY")
    row_count: Mapped[int] = column(default=0)
    created_count: Mapped[int] = column(default=0)
    touched_count: Mapped[int] = column(default=0)
    junk_count: Mapped[int] = column(default=0)
    error_count: Mapped[int] = column(default=0)
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that name none. Refuses one that does not exist."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise TimeZoneUnknown(time_zone=self.time_zone) from unknown

    def check_ready(self) -> None:
        """Refuses when it was run already."""
        if self.state != "READY":
            raise ImportNotReady(state=self.state)

    def begin(self, now: datetime) -> None:
        """READY to RUNNING. Refuses any other state."""
        self.check_ready()
        self.state, self.start_time = "RUNNING", now

    def end(self, now: datetime) -> None:
        """All rows were read."""
        self.state, self.end_time = "DONE", now

    def begin_undo(self) -> None:
        """DONE to UNDOING. Refuses any other state."""
        if self.state != "DONE":
            raise ImportNotDone(state=self.state)
        self.state = "UNDOING"

    def row_key(self, number: int) -> str:
        """What a row is recognised by when it comes again."""
        return f"import:{self.id}:{number}"


class ImportRowError(Entity):
    """One row that was refused."""

    __tablename__ = "import_errors"
    __table_args__ = (index("import_errors_by_row", "import_id", "row_number"),)

    import_id: Mapped[UUID]
    row_number: Mapped[int]
    reason: Mapped[str]
    message: Mapped[str] = column(default="")
    field: Mapped[str] = column(default="")
    cells: Mapped[list[Any]] = column(default=list)
