"""Texts of macros with their places for values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_FIELDS = ("ticket.number", "ticket.subject", "ticket.requester_name", "ticket.type_code")
_CUSTOM = re.compile(r"ticket\.custom\.[a-z][a-z0-9_]{0,59}")


def unknown_places(text: str) -> Iterator[str]:
    """What a text names that a ticket has not."""
    for name in _PLACE.findall(text):
        if name not in _FIELDS and not _CUSTOM.fullmatch(name):
            yield name


def filled(text: str, ticket: Any) -> str:
    """A text with the ticket's values; what it has no value for is left out. Values are put in once: one that looks
    like a place stays as it is.
    """
    custom: Mapping[str, Any] = ticket.custom or {}

    def value(place: re.Match[str]) -> str:
        name = place.group(1).removeprefix("ticket.")
        found = custom.get(name.removeprefix("custom.")) if name.startswith("custom.") else getattr(ticket, name)
        return "" if found is None else str(found)

    return _PLACE.sub(value, text)
