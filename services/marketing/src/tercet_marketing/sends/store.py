"""Queries of sends: set-wise where many are looked at together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_chassis.entity import untracked
from tercet_chassis.scopes import reach
from tercet_marketing.profiles.model import Profile
from tercet_marketing.sends.model import FrequencyCap, QuietHours, ReceivedMessage, Send
from tercet_marketing.sends.rules import QUEUED, REACHED, SENDING, Cap, Reached, Window

_PROFILES = (
    "SELECT identity_id, party_id, owner_id, unit_id, partner_party_id, kind, display_name, contact_points,"
    " lifecycle_code, order_count, last_order_time, tag_codes FROM fenced.profiles WHERE identity_id = ANY($1::uuid[])"
)
_REACHED = (
    "SELECT party_id, channel_code, purpose, claim_time FROM fenced.sends WHERE party_id = ANY($1::uuid[])"
    " AND claim_time > $2 AND state = ANY($3::text[])"
)
_BEGIN = "UPDATE sends SET begun = true WHERE id = $1 AND state = 'SENDING' AND attempts = $2 RETURNING id"
_UNCONSENTED = """
SELECT s.id FROM fenced.sends s WHERE s.purpose = 'MARKETING' AND s.state = ANY($1::text[]) AND s.retries = 0
AND NOT EXISTS (
  SELECT FROM fenced.consent_proofs p WHERE p.point_key = s.point_key AND p.purpose = s.purpose
  AND p.channel_code IN ('', s.channel_code) AND p.state = 'GRANTED' AND p.create_time <= s.claim_time
  AND NOT EXISTS (
    SELECT FROM fenced.consent_proofs later WHERE later.point_key = p.point_key AND later.purpose = p.purpose
    AND later.identity_id = p.identity_id AND later.channel_code = p.channel_code AND later.state = 'DENIED'
    AND later.decide_time >= p.decide_time AND later.create_time <= s.claim_time - interval '1 minute'
  )
)
"""
_TWICE = """
SELECT s.id FROM fenced.sends s WHERE (
  SELECT count(*) FROM jsonb_array_elements(s.tries) AS t WHERE t ->> 'outcome_code' IN ('SENT', 'UNCLEAR')
) > 1 + s.retries
"""
_STUCK = "SELECT id FROM fenced.sends WHERE state = 'SENDING' AND lease_until < clock_timestamp() - interval '1 hour'"


async def by_keys(tx: Tx, keys: Iterable[str]) -> dict[str, Send]:
    """Sends by their keys."""
    query = select(Send).where(Send.key.in_(sorted(set(keys))))
    return {send.key: send for send in await tx.session.scalars(query)}


async def profiles_of(tx: Tx, identities: Iterable[UUID]) -> dict[UUID, Profile]:
    """What is known of identities, to be read only."""
    rows = await tx.fetch(_PROFILES, sorted(set(identities)))
    return {row["identity_id"]: untracked(Profile)(**row) for row in rows}


async def reachable(tx: Tx, identities: Iterable[UUID]) -> set[UUID]:
    """Those whose profile the caller's permission reaches."""
    query = select(Profile.identity_id).where(
        Profile.identity_id.in_(sorted(set(identities))),
        reach(Profile, Profile, tx.principal, tx.context.permission),
    )
    return set(await tx.session.scalars(query))


async def claim_due(tx: Tx, most: int) -> Sequence[Send]:
    """Sends whose time has come, held; those that somebody else holds are left to them."""
    query = (
        select(Send)
        .where(Send.state == QUEUED, Send.next_time <= tx.now())
        .order_by(Send.next_time, Send.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def claim_lost(tx: Tx, moment: datetime, most: int) -> Sequence[Send]:
    """Sends whose sender is taken for dead, held."""
    query = (
        select(Send)
        .where(Send.state == SENDING, Send.lease_until < moment)
        .order_by(Send.lease_until, Send.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def begin(tx: Tx, id: UUID, attempt: int) -> bool:
    """Notes that an attempt is about to reach the provider; False when it is not this attempt's turn any more. Written
    without a new version, as nobody is told.
    """
    return bool(await tx.fetch(_BEGIN, id, attempt))


async def locked(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Send]:
    """Sends by id, held until the end of the transaction."""
    wanted = sorted(set(ids))
    query = select(Send).where(Send.id.in_(wanted)).order_by(Send.id).with_for_update()
    rows = await tx.session.scalars(query.execution_options(populate_existing=True))
    return {send.id: send for send in rows}


async def by_provider_ids(tx: Tx, provider_ids: Iterable[str]) -> dict[str, UUID]:
    """Our ids of messages that providers call so."""
    query = select(Send.provider_id, Send.id).where(Send.provider_id.in_(sorted({id for id in provider_ids if id})))
    return {row.provider_id: row.id for row in await tx.session.execute(query)}


async def caps(tx: Tx) -> list[Cap]:
    """The caps that hold."""
    query = select(FrequencyCap).where(FrequencyCap.enabled.is_(True)).order_by(FrequencyCap.code)
    return [cap.as_rule() for cap in await tx.session.scalars(query)]


async def windows(tx: Tx) -> list[Window]:
    """The quiet hours that hold."""
    query = select(QuietHours).where(QuietHours.enabled.is_(True)).order_by(QuietHours.code)
    return [hours.as_rule() for hours in await tx.session.scalars(query)]


async def reached(tx: Tx, parties: Iterable[UUID], period: timedelta) -> dict[UUID, list[Reached]]:
    """How parties were reached within a period."""
    found: dict[UUID, list[Reached]] = defaultdict(list)
    for row in await tx.fetch(_REACHED, sorted(set(parties)), tx.now() - period, list(REACHED)):
        found[row["party_id"]].append(Reached(*row.values()))
    return found


async def known_arrivals(tx: Tx, account_code: str, provider_ids: Iterable[str]) -> set[str]:
    """Those of the messages of customers that were taken before."""
    query = select(ReceivedMessage.provider_id).where(
        ReceivedMessage.account_code == account_code, ReceivedMessage.provider_id.in_(sorted(set(provider_ids)))
    )
    return set(await tx.session.scalars(query))


async def sends_by_ids(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Send]:
    """Sends by id."""
    return {send.id: send for send in await tx.session.scalars(select(Send).where(Send.id.in_(sorted(set(ids)))))}


async def last_recipient(tx: Tx, point_key: str) -> Send | None:
    """The last send to a contact point: whoever answers from there is most likely its recipient."""
    query = select(Send).where(Send.point_key == point_key).order_by(Send.create_time.desc()).limit(1)
    return (await tx.session.scalars(query)).one_or_none()


async def counted(tx: Tx) -> int:
    """How many sends there are."""
    return int((await tx.fetch("SELECT count(*) AS n FROM fenced.sends"))[0]["n"])


async def unconsented(tx: Tx) -> list[str]:
    """Advertising that went without a consent that held."""
    return [str(row["id"]) for row in await tx.fetch(_UNCONSENTED, list(REACHED))]


async def twice(tx: Tx) -> list[str]:
    """Sends that were taken more often than they were asked for."""
    return [str(row["id"]) for row in await tx.fetch(_TWICE)]


async def stuck(tx: Tx) -> list[str]:
    """Sends that have been on their way for an hour longer than anything can be."""
    return [str(row["id"]) for row in await tx.fetch(_STUCK)]


async def uncertain(tx: Tx) -> int:
    """Sends of which somebody must say what became of them."""
    return int((await tx.fetch("SELECT count(*) AS n FROM fenced.sends WHERE state = 'UNCERTAIN'"))[0]["n"])
