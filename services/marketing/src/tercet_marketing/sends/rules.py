"""Sends without a database: when nobody is disturbed, how often somebody is reached, when to try again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

Json = dict[str, Any]
QUEUED, SENDING, SENT, DELIVERED = "QUEUED", "SENDING", "SENT", "DELIVERED"
FAILED, WITHHELD, UNCERTAIN, CANCELED = "FAILED", "WITHHELD", "UNCERTAIN", "CANCELED"
MARKETING, SERVICE, TRANSACTION = "MARKETING", "SERVICE", "TRANSACTION"
# States that count as having reached somebody, or as good as.
REACHED = (SENDING, SENT, DELIVERED, UNCERTAIN)
# Reasons beside those of consent.
NO_ADDRESS, NO_ACCOUNT, FREQUENCY_CAP, NO_CONTENT = "NO_ADDRESS", "NO_ACCOUNT", "FREQUENCY_CAP", "NO_CONTENT"
FILES_NOT_CARRIED = "FILES_NOT_CARRIED"
REFUSED, PROVIDER_AWAY, UNCLEAR = "REFUSED", "PROVIDER_AWAY", "UNCLEAR"
# Reasons that hold whichever channel is tried next.
_FINAL = frozenset({"DO_NOT_DISTURB"})

_DELAYS = (10, 30, 120, 600, 1_800, 3_600, 7_200, 14_400)
MOST_ATTEMPTS = len(_DELAYS) + 1
_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class Window:
    """Quiet hours; `purpose` and `channel_code` empty mean all that they can hold for."""

    start: time
    end: time
    purpose: str = ""
    channel_code: str = ""

    def holds_for(self, purpose: str, channel_code: str) -> bool:
        """Whether they hold for such a message. What belongs to a deal always passes."""
        if purpose == TRANSACTION:
            return False
        return self.purpose in ("", purpose) and self.channel_code in ("", channel_code)

    def end_from(self, local: datetime) -> datetime | None:
        """When they end, if the local moment is inside of them."""
        clock = local.timetz().replace(tzinfo=None)
        if self.start < self.end:
            inside, tomorrow = self.start <= clock < self.end, False
        else:
            inside, tomorrow = clock >= self.start or clock < self.end, clock >= self.start
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if tomorrow else 0)
        return datetime.combine(day, self.end, local.tzinfo)


def quiet_until(
    windows: Sequence[Window], purpose: str, channel_code: str, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """When the message may go, in UTC; None when it may go now. Hours that join are waited for together."""
    fitting = [window for window in windows if window.holds_for(purpose, channel_code)]
    moment = now
    # Windows may follow one another round the whole day: then the message waits for the last looked at.
    for _ in range(_WINDOWS):
        ends = [end for window in fitting if (end := window.end_from(moment.astimezone(zone))) is not None]
        if not ends:
            break
        moment = max(end.astimezone(UTC) for end in ends)
    return None if moment == now else moment


@dataclass(frozen=True, slots=True)
class Cap:
    """So many messages of a purpose, through a channel or through any, in so many hours."""

    code: str
    purpose: str
    channel_code: str
    most: int
    period: timedelta

    def counts(self, purpose: str, channel_code: str) -> bool:
        """Whether such a message counts."""
        return self.purpose == purpose and self.channel_code in ("", channel_code)


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody was reached, as caps count it."""

    party_id: UUID
    channel_code: str
    purpose: str
    time: datetime


def cap_hit(caps: Iterable[Cap], reached: Iterable[Reached], purpose: str, channel_code: str, now: datetime) -> str:
    """The code of a cap that one more message would break; empty when none. `reached` is of one party."""
    known = list(reached)
    for cap in caps:
        if cap.counts(purpose, channel_code):
            after = now - cap.period
            count = sum(1 for each in known if each.time > after and cap.counts(each.purpose, each.channel_code))
            if count >= cap.most:
                return cap.code
    return ""


def stops_all(reason: str) -> bool:
    """Whether a reason holds for every channel, so that trying the next is vain."""
    return reason in _FINAL


def delay_after(attempts: int, id: UUID) -> timedelta | None:
    """How long to wait after so many refusals that pass; None when it is time to give up, some eight hours after the
    first. Spread by a tenth from the id, so that what failed together does not come back together.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    return timedelta(seconds=_DELAYS[max(attempts, 1) - 1] * (0.9 + (id.int % 1_000) / 5_000))


def chosen_point(points: Iterable[Json], kind: str, platform: str) -> Json | None:
    """The first contact point of a kind; of accounts, one at the platform."""
    for point in points:
        if point.get("kind") == kind and (not platform or point.get("platform", "").lower() == platform.lower()):
            return point
    return None


def minute_of(moment: datetime) -> datetime:
    """The first full minute that is not before a moment: what waits is looked at together."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)
