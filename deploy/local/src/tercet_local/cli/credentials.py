"""Tokens of signed-in people, one per installation, readable by their owner alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from tercet_local.errors import LocalError
from tercet_local.folder import write_private


class Credentials:
    """The tokens kept for one installation's address."""

    def __init__(self, url: str, file: Path | None = None) -> None:
        self._url = url
        self._file = file or user_config_path("tercet") / "credentials.json"

    def load(self) -> dict[str, Any]:
        """The tokens, or nothing for somebody who is not signed in there."""
        found = self._read().get(self._url, {})
        return found if isinstance(found, dict) else {}

    def save(self, tokens: dict[str, Any]) -> None:
        """Keep the tokens; other installations' stay."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._file, json.dumps(self._read() | {self._url: tokens}, indent=2))

    def forget(self) -> None:
        """Drop the tokens; none kept is no error."""
        kept = self._read()
        if kept.pop(self._url, None) is not None:
            write_private(self._file, json.dumps(kept, indent=2))

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise LocalError(f"{self._file} is not readable as JSON; remove it and sign in again.") from None
        return kept if isinstance(kept, dict) else {}


def token_from_environment() -> str | None:
    """An access token or API key given from outside; it goes before what is kept."""
    return os.environ.get("TERCET_TOKEN") or None
