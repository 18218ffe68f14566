"""Periods, warranties, reliability and serial numbers as pure calculations."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

# An asset, its parts, their parts, …: more levels than a plant has, and few enough to be walked.
MOST_DEEP = 10
# Somebody's alone at one time; several may operate an asset.
EXCLUSIVE = frozenset({"OWNER", "USER"})
# So many reports an hour come by the code on one asset.
MOST_REPORTS = 5
REPORTS_IN = timedelta(hours=1)
_SIGNATURE = 16
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment on, up to another or without end."""

    start: datetime
    end: datetime | None = None

    @property
    def valid(self) -> bool:
        """Whether it has any length."""
        return self.end is None or self.start < self.end

    def overlaps(self, other: Period) -> bool:
        """Whether both hold at some moment."""
        return (self.end is None or other.start < self.end) and (other.end is None or self.start < other.end)


@dataclass(frozen=True, slots=True)
class Down:
    """A time in which something did not work."""

    period: Period
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Reliability:
    """How reliable something was; the means are None where nothing failed."""

    failures: int
    up_hours: float
    down_hours: float
    availability: float
    mtbf_hours: float | None
    mttr_hours: float | None


def reliability(downs: Iterable[Down], window: Period, now: datetime) -> Reliability:
    """What follows from known downtimes within a window that has an end. They do not overlap; one without an end lasts
    until now. A failure counts where it begins, its hours where they lie.
    """
    assert window.end is not None
    failures, down, unplanned = 0, timedelta(), timedelta()
    for one in downs:
        begin, end = max(one.period.start, window.start), min(one.period.end or now, window.end)
        lasted = max(end - begin, timedelta())
        down += lasted
        if not one.planned:
            unplanned += lasted
            failures += window.start <= one.period.start < window.end
    whole = (window.end - window.start).total_seconds()
    up = whole - down.total_seconds()
    return Reliability(
        failures=failures,
        up_hours=up / _HOUR,
        down_hours=down.total_seconds() / _HOUR,
        availability=up / whole if whole > 0 else 1.0,
        mtbf_hours=up / _HOUR / failures if failures else None,
        mttr_hours=unplanned.total_seconds() / _HOUR / failures if failures else None,
    )


@dataclass(frozen=True, slots=True)
class Cover:
    """A warranty: of an asset or of what it is part of."""

    asset_id: UUID
    start: date | None
    end: date | None
    terms: str

    def holds(self, day: date) -> bool:
        """Whether the day lies within; a warranty without an end does not run out."""
        return self.start is not None and self.start <= day and (self.end is None or day <= self.end)

    def days_left(self, day: date) -> int:
        """Days left after that day."""
        return max((self.end - day).days, 0) if self.end is not None and self.holds(day) else 0


def cover_at(line: Sequence[Cover], day: date) -> Cover | None:
    """The warranty that counts of an asset and what it is part of, nearest first: one that holds, or the nearest."""
    known = [cover for cover in line if cover.start is not None]
    return next((cover for cover in known if cover.holds(day)), known[0] if known else None)


def serial_key(serial: str) -> str | None:
    """A serial number as it is compared: however it is spaced, hyphenated, or written in wide or small letters."""
    plain = unicodedata.normalize("NFKC", serial).upper()
    return "".join(sign for sign in plain if sign.isalnum()) or None


def signed(secret: bytes, tenant_id: UUID, asset_id: UUID, edition: int) -> str:
    """The token of an asset's code: its id and the code's edition, signed for this tenant. It does not run out: it is
    printed, and dies when the code is renewed.
    """
    told = asset_id.bytes + edition.to_bytes(4, "big")
    return base64.urlsafe_b64encode(told + _signature(secret, tenant_id, told)).decode().rstrip("=")


def asset_of(secret: bytes, tenant_id: UUID, token: str) -> tuple[UUID, int] | None:
    """The asset and edition that a token names; None when it was not signed here for this tenant."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    told, given = raw[:20], raw[20:]
    if len(raw) != 20 + _SIGNATURE or not hmac.compare_digest(given, _signature(secret, tenant_id, told)):
        return None
    return UUID(bytes=told[:16]), int.from_bytes(told[16:], "big")


def _signature(secret: bytes, tenant_id: UUID, told: bytes) -> bytes:
    return hmac.digest(secret, b"asset|" + tenant_id.bytes + told, hashlib.sha256)[:_SIGNATURE]
