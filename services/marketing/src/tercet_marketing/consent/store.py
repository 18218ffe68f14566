"""Queries of consent: for one, and for a batch that is about to be sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_marketing.consent.model import ContactPreference, DoNotDisturb, Suppression
from tercet_marketing.consent.rules import Ask, Decision, Quiet, verdict

# Of each identity's decisions the latest holds, and of two of one instant the stricter.
_DECISIONS = (
    "SELECT DISTINCT ON (point_key, identity_id, channel_code, purpose)"
    " party_id, point_key, channel_code, purpose, state FROM fenced.consent_proofs WHERE point_key = ANY($1::text[])"
    " ORDER BY point_key, identity_id, channel_code, purpose, decide_time DESC, (state = 'DENIED') DESC"
)
_WISHES = "SELECT party_id, until_time, transactions_pass FROM fenced.do_not_disturbs WHERE party_id = ANY($1::uuid[])"
_SUPPRESSED = "SELECT point_key FROM fenced.suppressions WHERE point_key = ANY($1::text[])"
_PREFERENCES = (
    "SELECT DISTINCT ON (party_id) party_id, language, zone FROM fenced.contact_preferences"
    " WHERE party_id = ANY($1::uuid[]) ORDER BY party_id, update_time DESC"
)
_OWNERS = (
    "SELECT DISTINCT ON (identity_id) identity_id, party_id FROM fenced.consent_proofs WHERE point_key = $1"
    " ORDER BY identity_id"
)


@dataclass(slots=True)
class Standing:
    """What holds for a set of recipients, as of one moment."""

    now: datetime
    decisions: dict[str, list[Decision]] = field(default_factory=lambda: defaultdict(list))
    wishes: dict[UUID, list[Quiet]] = field(default_factory=lambda: defaultdict(list))
    suppressed: frozenset[str] = frozenset()

    def against(self, ask: Ask) -> str | None:
        """Why the message may not go; None when it may."""
        decisions = self.decisions.get(ask.point_key, ())
        wishes = self.wishes.get(ask.party_id, ())
        return verdict(ask, decisions, wishes, suppressed=ask.point_key in self.suppressed, now=self.now)


async def standing(tx: Tx, parties: Iterable[UUID], point_keys: Iterable[str]) -> Standing:
    """What holds for these parties and contact points, in three statements however many they are."""
    keys, found = sorted(set(point_keys)), Standing(tx.now())
    for row in await tx.fetch(_DECISIONS, keys):
        found.decisions[row["point_key"]].append(Decision(*row.values()))
    for row in await tx.fetch(_WISHES, sorted(set(parties))):
        found.wishes[row["party_id"]].append(Quiet(*row.values()))
    found.suppressed = frozenset(row["point_key"] for row in await tx.fetch(_SUPPRESSED, keys))
    return found


async def preferences(tx: Tx, parties: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Language and zone that parties chose last; those who chose nothing are left out."""
    rows = await tx.fetch(_PREFERENCES, sorted(set(parties)))
    return {row["party_id"]: (row["language"], row["zone"]) for row in rows}


async def preference_of(tx: Tx, identity_id: UUID) -> ContactPreference | None:
    """What an identity chose."""
    query = select(ContactPreference).where(ContactPreference.identity_id == identity_id)
    return (await tx.session.scalars(query)).one_or_none()


async def wish_of(tx: Tx, identity_id: UUID) -> DoNotDisturb | None:
    """An identity's wish to be left alone."""
    return (await tx.session.scalars(select(DoNotDisturb).where(DoNotDisturb.identity_id == identity_id))).one_or_none()


async def wishes_of_party(tx: Tx, party_id: UUID) -> Sequence[DoNotDisturb]:
    """The wishes of a party's identities to be left alone."""
    return (await tx.session.scalars(select(DoNotDisturb).where(DoNotDisturb.party_id == party_id))).all()


async def suppression_of(tx: Tx, point_key: str) -> Suppression | None:
    """The entry of a contact point."""
    return (await tx.session.scalars(select(Suppression).where(Suppression.point_key == point_key))).one_or_none()


async def deciders(tx: Tx, point_key: str) -> list[tuple[UUID, UUID]]:
    """Identities, with their parties, who decided something about a contact point."""
    return [(row["identity_id"], row["party_id"]) for row in await tx.fetch(_OWNERS, point_key)]
