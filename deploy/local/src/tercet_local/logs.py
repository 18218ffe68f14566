"""The log files of the child processes."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import IO

_ROTATE_AT_BYTES = 16 * 2**20


class LogFile:
    """One child's log, appended to; when it has grown large the old one is kept once under the name `.1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and path.stat().st_size > _ROTATE_AT_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        self._start = path.stat().st_size if path.exists() else 0

    def open(self) -> IO[bytes]:
        return self.path.open("ab")

    def said(self) -> str:
        """What has been written since this object was made."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")

    def last_words(self, lines: int = 2) -> str:
        """The end of what was said, short enough for one message."""
        last = self.said().strip().splitlines()[-lines:]
        return " / ".join(shorten(line, 300, placeholder=" …") for line in last) or "it said nothing."
