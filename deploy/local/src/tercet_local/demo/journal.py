"""What of the sample run is done, so that a later run goes on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Journal:
    """What is done, kept in the data folder."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.values: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}

    def put(self, **values: Any) -> None:
        """Writes values down, whole or not at all."""
        self.values |= values
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self.values, ensure_ascii=False, indent=1), "utf-8")
        fresh.replace(self._file)
