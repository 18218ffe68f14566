"""When points can be used and until when, which are taken first, and what a refund takes back. All pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

ZERO = Decimal(0)
NEVER = datetime.max.replace(tzinfo=UTC)
_ZONES = frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether it is a zone of the tz database."""
    return name in _ZONES


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _first_of_month(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def usable_time(moment: datetime, pending_days: int, zone: ZoneInfo) -> datetime:
    """When points become usable: at once, or when so many days in the member's zone are over."""
    if not pending_days:
        return moment
    return midnight(moment.astimezone(zone).date() + timedelta(days=pending_days), zone)


def expire_time(kind: str, count: int, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """When points earned at a moment fall away, in the member's zone; None for never.

    DAYS: at the end of the `count`-th day after; END_OF_MONTH, END_OF_YEAR: at the end of the month or year that
    comes `count` after the one they were earned in.
    """
    day = moment.astimezone(zone).date()
    match kind:
        case "DAYS":
            return midnight(day + timedelta(days=count + 1), zone)
        case "END_OF_MONTH":
            return midnight(_first_of_month(day, count + 1), zone)
        case "END_OF_YEAR":
            return midnight(date(day.year + count + 1, 1, 1), zone)
    return None


def floored(amount: Decimal, digits: int) -> Decimal:
    """Rounded towards zero to the programme's decimals."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_DOWN)


def taken_back(earned: Decimal, sale: Decimal, returned: Decimal, digits: int) -> Decimal:
    """What a sale's returns take back in all of what it earned: its share, and all of it once all has come back.

    Shares are rounded in the member's favour; as the whole is counted each time, nothing is lost between returns.
    """
    if returned <= 0 or sale <= 0:
        return ZERO
    if returned >= sale:
        return earned
    return floored(earned * returned / sale, digits)


class Lot(Protocol):
    """Points that came together and fall away together."""

    id: UUID
    left: Decimal
    usable_time: datetime
    expire_time: datetime | None


L = TypeVar("L", bound=Lot)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a party has of a programme's points at a moment; `owed` below zero when refunds took more than was left."""

    usable: Decimal
    pending: Decimal
    owed: Decimal
    held: Decimal

    @property
    def balance(self) -> Decimal:
        """All points, pending ones included, debts taken off."""
        return self.usable + self.pending + self.owed

    @property
    def available(self) -> Decimal:
        """What can be burned now."""
        return max(ZERO, self.usable + self.owed - self.held)


def lapsed(lot: Lot, now: datetime) -> bool:
    """Whether the lot's time is over."""
    return lot.expire_time is not None and lot.expire_time <= now


def by_expiry(lots: Iterable[L]) -> list[L]:
    """The lots in the order in which they are burned: whichever falls away first."""
    return sorted(lots, key=lambda lot: (lot.expire_time or NEVER, lot.usable_time, lot.id))


def usable(lots: Iterable[L], now: datetime) -> list[L]:
    """The lots that can be burned now, in that order."""
    return by_expiry(lot for lot in lots if lot.left > 0 and lot.usable_time <= now and not lapsed(lot, now))


def take(lots: Iterable[L], amount: Decimal) -> tuple[list[tuple[L, Decimal]], Decimal]:
    """What each lot gives, in the order given, and what is missing in the end."""
    taken: list[tuple[L, Decimal]] = []
    for lot in lots:
        if amount <= 0:
            break
        part = min(lot.left, amount)
        if part > 0:
            taken.append((lot, part))
            amount -= part
    return taken, amount


def standing(lots: Iterable[Lot], owed: Decimal, held: Decimal, now: datetime) -> Standing:
    """What the lots amount to at a moment; lapsed ones count no more, swept or not."""
    alive = [lot for lot in lots if not lapsed(lot, now)]
    ready = sum((lot.left for lot in alive if lot.usable_time <= now), ZERO)
    pending = sum((lot.left for lot in alive if lot.usable_time > now), ZERO)
    return Standing(ready, pending, owed, held)
