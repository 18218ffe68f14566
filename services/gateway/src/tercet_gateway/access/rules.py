"""Credentials without a database: how an API key is written and read, and how long tokens and sessions live."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

ACCESS_SECONDS = 15 * 60
SESSION_IDLE = timedelta(days=30)
SESSION_LONGEST = timedelta(days=90)

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(r"(tk_([a-z][a-z0-9-]{0,61}[a-z0-9])-([0-9A-Za-z]{22})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})")
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}


def base62(number: int, width: int) -> str:
    """The number in base 62, filled up with zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, "0")


def from_base62(text: str) -> int:
    """The number that `base62` wrote."""
    number = 0
    for digit in text:
        number = number * 62 + _VALUES[digit]
    return number


def _check_sum(text: str) -> str:
    return base62(zlib.crc32(text.encode()), 6)


@dataclass(frozen=True, slots=True)
class KeyText:
    """An API key taken apart. Tenant code and key id stand in clear; only the digest of the whole is kept."""

    text: str
    tenant_code: str
    id: UUID

    @property
    def prefix(self) -> str:
        """What may be shown."""
        return self.text.rsplit("_", 2)[0]

    @property
    def digest(self) -> str:
        """What is kept: 256 random bits need no slow hash."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def new_key(tenant_code: str, id: UUID) -> KeyText:
    """A fresh key `tk_<tenant>-<id>_<secret>_<check sum>`, which secret scanners know by its shape and check sum."""
    secret = base62(secrets.randbits(256), 43)
    body = f"tk_{tenant_code}-{base62(id.int, 22)}_{secret}"
    return KeyText(f"{body}_{_check_sum(body)}", tenant_code, id)


def read_key(text: str) -> KeyText | None:
    """The key taken apart; None when it is none, or was cut or mistyped."""
    match = _KEY.fullmatch(text)
    if match is None or _check_sum(match[1]) != match[5]:
        return None
    number = from_base62(match[3])
    return KeyText(text, match[2], UUID(int=number)) if number < 1 << 128 else None


def session_end(begin: datetime, now: datetime) -> datetime:
    """When a session ends that is renewed now: a month without use, three months in all."""
    return min(now + SESSION_IDLE, begin + SESSION_LONGEST)
