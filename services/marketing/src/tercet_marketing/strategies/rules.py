"""Arbitration: which of the strategies that want a customer now may have them, and why the others may not.

A pure function of what is known: the same input gives the same decisions, in whatever order the strategies came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tercet_marketing.sends.rules import MARKETING, Window, quiet_until

# What becomes of a strategy's wish.
CHOSEN, HELD_OUT, WITHHELD, DEFERRED = "CHOSEN", "HELD_OUT", "WITHHELD", "DEFERRED"
# The checks, in the order in which they are made; a trace names them.
PERIOD, AUDIENCE, REENTRY, DO_NOT_DISTURB, EXCLUSION, CHANNEL, CAP, QUIET_HOURS, HOLDOUT = (
    "PERIOD", "AUDIENCE", "REENTRY", "DO_NOT_DISTURB", "EXCLUSION", "CHANNEL", "CAP", "QUIET_HOURS", "HOLDOUT",
)  # fmt: skip
# Which earlier choices a cap counts.
OF_STRATEGY, OF_PURPOSE, OF_ALL = "STRATEGY", "PURPOSE", "ALL"
_SHARES = 10_000
# What opens a channel that is closed, by the reason.
_REMEDIES = {
    "NO_ADDRESS": "record a contact point of its kind",
    "NO_CONTACT": "record a contact with one of the roles",
    "NO_ACCOUNT": "set up an account of the channel, or turn one on",
    "NO_CONSENT": "ask for their consent",
    "CONSENT_DENIED": "they said no; only they can take it back",
    "SUPPRESSED": "the contact point is on the suppression list; take it off once it is right",
}


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` choices of the counted kind within `days` times 24 hours."""

    days: int
    most: int
    of: str = OF_STRATEGY


@dataclass(frozen=True, slots=True)
class Wish:
    """One version of a strategy that wants one customer, because of `occasion`: what tells two wishes of it apart."""

    strategy_code: str
    occasion: str
    priority: int = 0
    purpose: str = MARKETING
    channel_codes: tuple[str, ...] = ()
    # Which contacts of a company are told; the customer itself when empty.
    recipient_roles: tuple[str, ...] = ()
    begin_date: date | None = None
    end_date: date | None = None
    exclusion_group: str = ""
    exclusion_days: int = 1
    excluded_segments: frozenset[str] = frozenset()
    reentry_days: int | None = None
    holdout: Decimal = Decimal(0)
    caps: tuple[Cap, ...] = ()
    quiet_hours: Window | None = None

    @property
    def reach(self) -> str:
        """What tells who would be told, and what for."""
        return reach_of(self.purpose, self.recipient_roles)


def reach_of(purpose: str, roles: Sequence[str]) -> str:
    """The name under which a standing holds the channels that are open for a purpose to contacts with these roles."""
    return " ".join((purpose, *roles))


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier choice for the same customer."""

    strategy_code: str
    purpose: str
    exclusion_group: str
    choose_time: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a customer: for which purposes they wish to be left alone, and the channels that consent and a
    contact point open, by reach, why others are closed, and which contact each opens to where one is told.
    """

    party: str
    zone: str
    left_alone: frozenset[str] = frozenset()
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    closed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    contacts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    past: tuple[Past, ...] = ()
    # Strategies that left this customer alone before, to be compared with.
    held_out: frozenset[str] = frozenset()


class Check(NamedTuple):
    """One check that was made: passed or not, the facts it went by, and which of several causes failed it."""

    name: str
    passed: bool
    detail: str = ""
    cause: str = ""

    @property
    def kept(self) -> dict[str, Any]:
        """As it is kept with a decision."""
        return {"name": self.name, "passed": self.passed, "detail": self.detail, "cause": self.cause}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a wish. `checks` says why, the last one that did not pass decided; `due_time` is when a deferred
    wish is asked again.
    """

    wish: Wish
    outcome: str
    checks: tuple[Check, ...]
    channel_code: str = ""
    due_time: datetime | None = None
    # The contact who is told.
    contact_id: str = ""

    @property
    def reason(self) -> str:
        """The name of the check that decided; empty for what was chosen."""
        return "" if self.outcome == CHOSEN else self.checks[-1].name


class _Found(NamedTuple):
    passed: bool
    detail: str = ""
    outcome: str = WITHHELD
    channel_code: str = ""
    due_time: datetime | None = None
    cause: str = ""


def is_held_out(strategy_code: str, party: str, share: Decimal) -> bool:
    """Whether a customer is among the share that a strategy leaves alone to be compared with: always the same ones."""
    drawn = int.from_bytes(sha256(f"{strategy_code}\n{party}".encode()).digest()[:8], "big") % _SHARES
    return drawn < share * _SHARES


def decide(standing: Standing, wishes: Sequence[Wish], now: datetime) -> list[Decision]:
    """A decision for each wish, the higher priority first, then by code and occasion. What one is given counts against
    the next: its exclusion group and its caps.
    """
    decisions = []
    for wish in sorted(wishes, key=lambda wish: (-wish.priority, wish.strategy_code, wish.occasion)):
        decision = _decide(standing, wish, now)
        decisions.append(decision)
        if decision.outcome == CHOSEN:
            past = Past(wish.strategy_code, wish.purpose, wish.exclusion_group, now)
            standing = replace(standing, past=(*standing.past, past))
    return decisions


def _decide(standing: Standing, wish: Wish, now: datetime) -> Decision:
    made: list[Check] = []
    channel_code = ""
    for name, check in _CHECKS:
        found = check(standing, wish, now)
        if found is None:
            continue
        made.append(Check(name, found.passed, found.detail, found.cause))
        channel_code = found.channel_code or channel_code
        if not found.passed:
            return Decision(wish, found.outcome, tuple(made), due_time=found.due_time)
    contact_id = standing.contacts.get(wish.reach, {}).get(channel_code, "")
    return Decision(wish, CHOSEN, tuple(made), channel_code, contact_id=contact_id)


def _period(standing: Standing, wish: Wish, now: datetime) -> _Found | None:
    if wish.begin_date is None and wish.end_date is None:
        return None
    today = now.astimezone(ZoneInfo(standing.zone)).date()
    inside = (wish.begin_date or today) <= today <= (wish.end_date or today)
    return _Found(inside, f"{today} in {wish.begin_date or ''}..{wish.end_date or ''}")


def _audience(standing: Standing, wish: Wish, _: datetime) -> _Found | None:
    if not wish.excluded_segments:
        return None
    hit = sorted(wish.excluded_segments & standing.segments)
    return _Found(not hit, f"in {', '.join(hit)}" if hit else "in no excluded segment")


def _reentry(standing: Standing, wish: Wish, now: datetime) -> _Found | None:
    times = [past.choose_time for past in standing.past if past.strategy_code == wish.strategy_code]
    if not times:
        return None
    if wish.reentry_days is None:
        return _Found(False, f"had it on {max(times):%Y-%m-%d}, and it comes once")
    again = max(times) + timedelta(days=wish.reentry_days)
    return _Found(again <= now, f"had it on {max(times):%Y-%m-%d}, again after {wish.reentry_days} days")


def _disturb(standing: Standing, wish: Wish, _: datetime) -> _Found | None:
    if wish.purpose not in standing.left_alone:
        return _Found(True)
    return _Found(False, f"they wish to be left alone by {wish.purpose} messages: wait until that ends")


def _exclusion(standing: Standing, wish: Wish, now: datetime) -> _Found | None:
    if not wish.exclusion_group:
        return None
    taken = sorted(
        past.strategy_code
        for past in standing.past
        if past.exclusion_group == wish.exclusion_group
        and past.strategy_code != wish.strategy_code
        and past.choose_time > now - timedelta(days=wish.exclusion_days)
    )
    return _Found(not taken, f"{wish.exclusion_group} went to {', '.join(taken)}" if taken else wish.exclusion_group)


def _channel(standing: Standing, wish: Wish, _: datetime) -> _Found | None:
    if not wish.channel_codes:
        return None
    open_ones = standing.allowed.get(wish.reach, frozenset())
    first = next((code for code in wish.channel_codes if code in open_ones), "")
    if first:
        return _Found(True, first, channel_code=first)
    closed = standing.closed.get(wish.reach, {})
    causes = [closed.get(code, "") for code in wish.channel_codes]
    why = "; ".join(_closed(*pair) for pair in zip(wish.channel_codes, causes, strict=True))
    return _Found(False, f"no channel is open: {why}", cause=next(filter(None, causes), ""))


def _closed(code: str, cause: str) -> str:
    remedy = _REMEDIES.get(cause)
    return f"{code} {cause} ({remedy})" if remedy else f"{code} {cause}".strip()


def _cap(standing: Standing, wish: Wish, now: datetime) -> _Found | None:
    details = []
    for cap in wish.caps:
        since = now - timedelta(days=cap.days)
        count = sum(past.choose_time > since and _counts(cap, past, wish) for past in standing.past)
        details.append(f"{count} of {cap.most} in {cap.days} days ({cap.of})")
        if count >= cap.most:
            return _Found(False, details[-1])
    return _Found(True, "; ".join(details)) if details else None


def _counts(cap: Cap, past: Past, wish: Wish) -> bool:
    if cap.of == OF_STRATEGY:
        return past.strategy_code == wish.strategy_code
    return cap.of == OF_ALL or past.purpose == wish.purpose


def _quiet(standing: Standing, wish: Wish, now: datetime) -> _Found | None:
    if wish.quiet_hours is None:
        return None
    until = quiet_until([wish.quiet_hours], wish.purpose, "", ZoneInfo(standing.zone), now)
    detail = f"{wish.quiet_hours.start:%H:%M}-{wish.quiet_hours.end:%H:%M} {standing.zone}"
    return _Found(until is None, detail, DEFERRED, due_time=until)


def _holdout(standing: Standing, wish: Wish, _: datetime) -> _Found | None:
    if not wish.holdout:
        return None
    share = f"{wish.holdout * 100:.2f} % are left alone"
    # Whoever was on one side stays there, also when the share changes or two customers turn out to be one.
    if wish.strategy_code in standing.held_out:
        return _Found(False, f"{share}, and this one was before", HELD_OUT)
    if any(past.strategy_code == wish.strategy_code for past in standing.past):
        return _Found(True, f"{share}, and this one was reached before")
    return _Found(not is_held_out(wish.strategy_code, standing.party, wish.holdout), share, HELD_OUT)


_CHECKS = (
    (PERIOD, _period), (AUDIENCE, _audience), (REENTRY, _reentry), (DO_NOT_DISTURB, _disturb),
    (EXCLUSION, _exclusion), (CHANNEL, _channel), (CAP, _cap), (QUIET_HOURS, _quiet),
    # Last, so that only those are left alone who would have been reached: like is compared with like.
    (HOLDOUT, _holdout),
)  # fmt: skip
