"""How tickets are numbered, and found again by their numbers."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

# No I, L, O and U: what is read out on the phone must not be misheard.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 7
_NUMBER = re.compile(rf"\bT\d{{6}}-[{_ALPHABET}]{{{_LENGTH}}}\b", re.ASCII)


def number_of(id: UUID, day: date) -> str:
    """`T261122-7K3QXM2`: the day and seven characters of the id. No two tickets share a counter."""
    rest = id.int & ((1 << 62) - 1)
    characters = []
    for _ in range(_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return f"T{day:%y%m%d}-{''.join(characters)}"


def answered_subject(subject: str, number: str) -> str:
    """The subject of an answer: with the ticket's number, by which what comes back is found."""
    return f"Re: {subject} [{number}]"


def number_in(subject: str) -> str:
    """The number of a ticket that a subject names; empty when it names none."""
    found = _NUMBER.search(subject.upper())
    return found.group(0) if found else ""
