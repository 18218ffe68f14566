"""Whether a message may go, from what was decided. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

Json = dict[str, Any]
MARKETING, SERVICE, TRANSACTION = "MARKETING", "SERVICE", "TRANSACTION"
GRANTED, DENIED = "GRANTED", "DENIED"
# Why nothing goes, the gravest first.
SUPPRESSED, DO_NOT_DISTURB, CONSENT_DENIED, NO_CONSENT = "SUPPRESSED", "DO_NOT_DISTURB", "CONSENT_DENIED", "NO_CONSENT"


@dataclass(frozen=True, slots=True)
class Ask:
    """May this go? `point_key` is the digest of the contact point."""

    party_id: UUID
    point_key: str
    channel_code: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What an identity decided about a contact point, and holds."""

    party_id: UUID
    point_key: str
    channel_code: str
    purpose: str
    state: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """A party's wish to be left alone."""

    party_id: UUID
    until: datetime | None
    transactions_pass: bool


def verdict(
    ask: Ask, decisions: Iterable[Decision], wishes: Iterable[Quiet], *, suppressed: bool, now: datetime
) -> str | None:
    """Why the message may not go; None when it may.

    A denial holds whoever gave it, as one inbox has one owner, however many identities we have met them under. A grant
    counts only from the recipient's own party. Advertising needs a grant; the rest needs that nobody denied it.
    """
    if suppressed:
        return SUPPRESSED
    for wish in wishes:
        if wish.party_id == ask.party_id and (wish.until is None or wish.until > now):
            if ask.purpose == TRANSACTION and wish.transactions_pass:
                continue
            return DO_NOT_DISTURB
    granted = False
    for decision in decisions:
        if decision.point_key != ask.point_key or decision.purpose != ask.purpose:
            continue
        if decision.channel_code not in ("", ask.channel_code):
            continue
        if decision.state == DENIED:
            return CONSENT_DENIED
        granted |= decision.party_id == ask.party_id
    return None if granted or ask.purpose != MARKETING else NO_CONSENT


def hint_of(point: Json) -> str:
    """A contact point as its owner knows it again and nobody else learns it."""
    value = str(point.get("value", ""))
    name, at, domain = value.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return f"{value[:3]}****{value[-2:]}" if len(value) > 6 else "****"
