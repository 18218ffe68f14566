"""What becomes of a message that a requester wrote. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

JOIN_DAYS, REOPEN_DAYS, MOST_PER_HOUR = 7, 14, 20
FORM_MOST_PER_HOUR, FORM_TIMES_ALL = 5, 40
FLOOD_WINDOW = timedelta(hours=1)
_OPEN = ("NEW", "OPEN", "PENDING")
MAIL = "EMAIL"
_ARRIVALS = {"email": MAIL}
_SUBJECT = 300
_BODY = 20_000
# What becomes of a message that has found its ticket.
ADD, KEEP, FOLLOW_UP = "ADD", "KEEP", "FOLLOW_UP"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one account's messages are taken."""

    type_code: str = ""
    priority: str = "NORMAL"
    unit_id: str = ""
    answers_only: bool = False
    join_days: int = JOIN_DAYS
    reopen_days: int = REOPEN_DAYS
    most_per_hour: int = MOST_PER_HOUR


def placed(policy: Policy, state: str, solve_time: datetime | None, now: datetime, *, quiet: bool) -> str:
    """What becomes of a message on the ticket that it belongs to: it is added, which opens a solved one again; it is
    kept and moves nothing; or the ticket is over and another follows it up.
    """
    if quiet:
        return KEEP
    if state in _OPEN:
        return ADD
    fresh = state == "SOLVED" and solve_time is not None and now - solve_time <= timedelta(days=policy.reopen_days)
    return ADD if fresh else FOLLOW_UP


def sender_key(account_code: str, address: Mapping[str, Any]) -> str:
    """Who wrote through which account, as a digest that tells nobody who it is."""
    value = str(address.get("value", "")).strip().casefold()
    told = "\n".join((account_code, str(address.get("kind", "")), str(address.get("platform", "")), value))
    return hashlib.sha256(told.encode()).hexdigest()


def arrival_of(channel_code: str) -> str:
    """How a ticket came in that a message of this channel opens."""
    return _ARRIVALS.get(channel_code, "CHAT")


def subject_of(subject: str, text: str) -> str:
    """What a ticket is about: the message's subject, else how its text begins."""
    lines = [" ".join(line.split()) for line in (subject, *text.splitlines())]
    return next((line for line in lines if line), "(no subject)")[:_SUBJECT]


def body_of(text: str, subject: str) -> str:
    """What was said, as much as an entry holds; of a message that is all subject, the subject."""
    return (text.strip() or subject or "(empty)")[:_BODY]
