"""Webhooks without a database: names of events, Standard Webhooks signatures, when to try again or give up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from tercet_gateway.roles.rules import ALL, Grant, parts_of, pattern_covers, permits

_PREFIX = "whsec_"
_DELAYS = (5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 28_800)
MOST_ATTEMPTS = len(_DELAYS) + 1
GIVE_UP_AFTER = timedelta(days=5)
KEEP = timedelta(days=14)
# What its signing secrets are sealed for.
SEALED_FOR = "tercet webhook secrets"
BOTH_SIGN = timedelta(days=1)
_SPOKEN = {"servicedesk": "service-desk"}


def event_name(subject: str) -> str:
    """`tercet.leads.lead.created.v1` -> `leads.lead.created`; services are named as in permissions."""
    _, service, noun, participle, _ = subject.split(".")
    return f"{_SPOKEN.get(service, service)}.{noun}.{participle}"


def chosen(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns fits the event's name."""
    return any(pattern_covers(pattern, name) for pattern in patterns)


def subjects_of(patterns: Iterable[str], services: Iterable[str]) -> set[str]:
    """The subjects under which events of these patterns come, by kind of resource: `leads.lead.created` ->
    `tercet.leads.lead.>`, so that an event which a later release adds comes too.
    """
    subjects = set()
    for pattern in patterns:
        service, noun, _ = parts_of(pattern)
        for name in services if service == "*" else (service,):
            kind = "" if noun == "*" else f"{noun}."
            subjects.add(f"tercet.{name.replace('-', '')}.{kind}>")
    return subjects


def may_hear(grants: Iterable[Grant], name: str) -> bool:
    """Whether a role may be told: it must read all resources of that kind, as events are not sorted by owner."""
    service, noun, _ = parts_of(name)
    return permits(grants, f"{service}.{noun}.read", ALL)


def new_secret() -> str:
    """A signing secret of 256 random bits, written as the specification writes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` of HMAC-SHA256 over id, timestamp and body."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def delay_after(attempts: int, id: UUID) -> timedelta | None:
    """How long to wait after so many failed attempts; None when it is time to give up, a day after the first.

    Spread by a tenth from the delivery's id, so that what failed together does not come back together.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    spread = 0.9 + (id.int % 1_000) / 5_000
    return timedelta(seconds=_DELAYS[max(attempts, 1) - 1] * spread)


def is_hopeless(fail_time: datetime | None, now: datetime) -> bool:
    """Whether nothing has succeeded for so long that the webhook is turned off."""
    return fail_time is not None and now - fail_time > GIVE_UP_AFTER
