"""How tickets are numbered."""

from __future__ import annotations

from datetime import date
from uuid import UUID

# No I, L, O and U: what is read out on the phone must not be misheard.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 7


def number_of(id: UUID, day: date) -> str:
    """`T261122-7K3QXM2`: the day and seven characters of the id. No two tickets share a counter."""
    rest = id.int & ((1 << 62) - 1)
    characters = []
    for _ in range(_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return f"T{day:%y%m%d}-{''.join(characters)}"
