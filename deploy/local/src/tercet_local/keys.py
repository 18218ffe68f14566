"""Each service signs its internal tokens with a key of its own; all services know all public halves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def ensure_keys(folder: Path, services: Sequence[str]) -> None:
    """Make the keys that are missing, and the list of all public halves, as the services read them."""
    if all((folder / name).exists() for name in ("jwks.json", *(f"{service}.private.jwk" for service in services))):
        return
    # Half a second of imports, which only a new folder needs to wait for.
    from tercet_chassis.tokens import make_keys

    make_keys(services, folder)
