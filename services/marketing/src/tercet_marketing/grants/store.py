"""Queries of grants and codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx, new_id
from tercet_chassis.entity import view
from tercet_marketing.grants.model import BenefitCode, CodeBatch, Grant, GrantUse
from tercet_marketing.loyalty.store import parties_memberships
from tercet_marketing.policies.rules import Standing
from tercet_marketing.profiles.model import Profile

_PARTIES = "SELECT identity, party FROM known_parties($1, $2)"
# A code that is there already is left out; whoever makes codes draws others for it.
_MAKE_CODES = (
    "INSERT INTO benefit_codes (tenant_id, id, code, batch_id, tool_code, policy_code, version, shared, uses_max, "
    "state, campaign_id, create_time, update_time, row_version) "
    "SELECT $1, c.id, c.code, $4, $5, $6, $7, false, 0, 'OPEN', $8, $9, $9, 1 "
    "FROM unnest($2::uuid[], $3::text[]) AS c(id, code) ON CONFLICT DO NOTHING RETURNING 1"
)

_REVOKE_CODES = (
    "UPDATE benefit_codes SET state = 'REVOKED', update_time = $3, row_version = row_version + 1 "
    "WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND state = 'OPEN'"
)


async def by_keys(tx: Tx, keys: Iterable[str]) -> dict[str, Grant]:
    """Grants by the keys under which they were issued."""
    found = await tx.session.scalars(select(Grant).where(Grant.key.in_(set(keys))))
    return {grant.key: grant for grant in found}


async def locked(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Grant]:
    """Grants by id, held until the end of the transaction, whoever may see them."""
    wanted = set(ids)
    if not wanted:
        return {}
    query = select(Grant).where(Grant.id.in_(wanted)).order_by(Grant.id).with_for_update()
    return {grant.id: grant for grant in await tx.session.scalars(query.execution_options(populate_existing=True))}


async def of_party(tx: Tx, party_id: UUID, tools: Sequence[str], now: datetime, most: int) -> list[Grant]:
    """What a party could use of these tools now, what ends soonest first."""
    query = (
        select(Grant)
        .where(
            Grant.party_id == party_id,
            Grant.state == "ISSUED",
            Grant.tool_code.in_(tools),
            (Grant.start_time.is_(None)) | (Grant.start_time <= now),
            (Grant.end_time.is_(None)) | (Grant.end_time > now),
        )
        .order_by(Grant.end_time.asc().nulls_last(), Grant.id)
        .limit(most)
    )
    return list(await tx.session.scalars(query))


async def of_reservation(tx: Tx, reservation_id: UUID) -> list[Grant]:
    """The grants that a reservation keeps or used, held until the end of the transaction."""
    query = select(Grant).where(Grant.reservation_id == reservation_id).order_by(Grant.id).with_for_update()
    return list(await tx.session.scalars(query.execution_options(populate_existing=True)))


async def by_ids(tx: Tx, ids: Iterable[UUID]) -> list[Grant]:
    """Grants by id, whoever may see them."""
    return list(await tx.session.scalars(select(Grant).where(Grant.id.in_(set(ids))).order_by(Grant.id)))


async def due(tx: Tx, now: datetime, most: int) -> list[Grant]:
    """Grants whose time is over, held; those that somebody else holds are left for the next time."""
    query = (
        select(Grant)
        .where(Grant.state == "ISSUED", Grant.end_time <= now, Grant.payment.is_(None))
        .order_by(Grant.end_time, Grant.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return list(await tx.session.scalars(query))


async def members_with(tx: Tx, policy_code: str, party_id: UUID) -> list[UUID]:
    """The identities of a party that ever had something of a policy."""
    rows = view(Grant)
    query = select(rows.c.identity_id).where(rows.c.policy_code == policy_code, rows.c.party_id == party_id).distinct()
    return list(await tx.session.scalars(query))


async def standings_of(tx: Tx, identity_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, Standing]]:
    """Who identities are held to be, and what rows of policies ask about them: quadrants and tiers as they are now."""
    profiles = await tx.session.scalars(select(Profile).where(Profile.identity_id.in_(identity_ids)))
    known = {profile.identity_id: profile for profile in profiles}
    moved = {row["identity"]: row["party"] for row in await tx.fetch(_PARTIES, tx.tenant_id, list(identity_ids))}
    parties = {id: moved.get(id) or (known[id].party_id if id in known else id) for id in identity_ids}
    tiers: dict[UUID, set[str]] = defaultdict(set)
    for member in await parties_memberships(tx, set(parties.values())):
        tiers[member.party_id].add(member.tier_code)
    found = {}
    for id, party_id in parties.items():
        values = known[id].values if id in known else []
        quadrants = frozenset(str(value.get("quadrant", "")) for value in values)
        found[id] = (party_id, Standing(frozenset(tiers[party_id]), quadrants))
    return found


async def standing_of(tx: Tx, identity_id: UUID) -> tuple[UUID, Standing]:
    """The same of one identity."""
    return (await standings_of(tx, [identity_id]))[identity_id]


# -- codes ------------------------------------------------------------------------------------------------------------
async def codes_by_text(tx: Tx, codes: Iterable[str]) -> dict[str, BenefitCode]:
    """Codes as they are kept, by their text."""
    found = await tx.session.scalars(select(BenefitCode).where(BenefitCode.code.in_(set(codes))))
    return {code.code: code for code in found}


async def held_code(tx: Tx, id: UUID) -> BenefitCode:
    """A code, held until the end of the transaction."""
    query = select(BenefitCode).where(BenefitCode.id == id).with_for_update()
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).one()


async def codes_of_grants(tx: Tx, ids: Iterable[UUID]) -> list[BenefitCode]:
    """The unique codes that became these grants, held."""
    query = select(BenefitCode).where(BenefitCode.grant_id.in_(set(ids))).order_by(BenefitCode.id).with_for_update()
    return list(await tx.session.scalars(query))


async def make_codes(tx: Tx, batch: dict[str, object], codes: Sequence[str]) -> int:
    """Writes new codes of a batch; gives how many were not there before."""
    rows = await tx.fetch(
        _MAKE_CODES,
        tx.tenant_id,
        [new_id() for _ in codes],
        list(codes),
        batch["id"],
        batch["tool_code"],
        batch["policy_code"],
        batch["version"],
        batch["campaign_id"],
        tx.now(),
    )
    return len(rows)


async def revoke_codes(tx: Tx, batch_id: UUID, after: UUID | None, most: int) -> UUID | None:
    """Ends those of a batch's next codes that nobody has claimed; gives the last it looked at, None at the end."""
    rows = view(BenefitCode)
    query = select(rows.c.id).where(rows.c.batch_id == batch_id).order_by(rows.c.id).limit(most)
    ids = list(await tx.session.scalars(query if after is None else query.where(rows.c.id > after)))
    await tx.fetch(_REVOKE_CODES, tx.tenant_id, ids, tx.now())
    return ids[-1] if len(ids) == most else None


async def ended_batches(tx: Tx, codes: Iterable[BenefitCode]) -> set[UUID]:
    """Those batches of the codes that were ended. None can be until the end of the transaction."""
    ids = {code.batch_id for code in codes if code.batch_id is not None}
    if not ids:
        return set()
    query = select(CodeBatch).where(CodeBatch.id.in_(ids)).order_by(CodeBatch.id).with_for_update(read=True)
    return {batch.id for batch in await tx.session.scalars(query) if batch.state == "REVOKED"}


async def uses_of(tx: Tx, grant_id: UUID) -> list[GrantUse]:
    """How others redeemed a grant, oldest first."""
    query = select(GrantUse).where(GrantUse.grant_id == grant_id).order_by(GrantUse.id)
    return list(await tx.session.scalars(query))
