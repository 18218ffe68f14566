"""What an archive says of itself: who made it, which moment it holds, and what must be found in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from tercet_backup.keys import KeyPrints

FORMAT = 1


@dataclass(slots=True)
class TablePart:
    """One table: its columns in the order of its lines, and what its text must come to."""

    columns: list[str]
    rows: int
    bytes: int
    sha256: str
    pieces: int


@dataclass(slots=True)
class ServicePart:
    """One service's database, and how far its outbox and inbox had come."""

    revision: str
    server_version: str
    outbox_last_id: int
    outbox_unpublished_count: int
    inbox_count: int
    sequences: dict[str, int]
    tables: dict[str, TablePart] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all its tables as text."""
        return sum(table.bytes for table in self.tables.values())


@dataclass(slots=True)
class Manifest:
    """The whole. All services stand at `position_time`, at which no commit was under way in any of them."""

    backup_id: str
    version: str
    position_time: datetime
    end_time: datetime
    held_seconds: float
    tenant_count: int
    keys: KeyPrints
    services: dict[str, ServicePart]
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all tables as text."""
        return sum(part.size for part in self.services.values())

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for part in self.services.values() for table in part.tables.values())

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def parsed(cls, text: str) -> Manifest:
        """From JSON; raises KeyError, TypeError or ValueError for what is none."""
        told: dict[str, Any] = json.loads(text)
        told["keys"] = KeyPrints(**told["keys"])
        for moment in ("position_time", "end_time"):
            told[moment] = datetime.fromisoformat(told[moment])
        services = {}
        for name, part in told["services"].items():
            tables = {table: TablePart(**about) for table, about in part.pop("tables").items()}
            services[name] = ServicePart(**part, tables=tables)
        told["services"] = services
        return cls(**told)
