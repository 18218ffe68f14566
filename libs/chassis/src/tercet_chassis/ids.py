"""Ids are UUIDv7: they sort by the time they were made, so they index well and can be made anywhere, also offline."""

from __future__ import annotations

from uuid import UUID, uuid5

import uuid_utils

_DERIVED = UUID("6f1d2a52-7b1c-5d0e-9a53-2f0a4b3c7d10")


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def derived_id(*parts: object) -> UUID:
    """The same UUID for the same parts, always: the key of an effect that must happen once."""
    return uuid5(_DERIVED, "\x1f".join(str(part) for part in parts))
