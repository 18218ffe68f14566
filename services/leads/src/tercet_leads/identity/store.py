"""Queries of identities, parties and their keys; each serves a whole batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import and_, delete, func, or_, select, text

from tercet_chassis import Tx
from tercet_chassis.bulk import way_of
from tercet_leads.identity.blocking import CROWDED, digest
from tercet_leads.identity.errors import PartyMergedMeanwhile
from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.model import MERGED, Identity, Party, PartyDecision, party_keys

# A batch with more keys holds off all others of its tenant: a lock for each would overflow the server's lock table.
_FEW = 256
# Few keys are a lock each, beside a share of the tenant's own lock, which many keys take for themselves.
_LOCK_FEW = (
    "SELECT count(CASE WHEN k < 0 THEN pg_advisory_xact_lock_shared($1::int, k) "
    "ELSE pg_advisory_xact_lock($1::int, k) END) "
    "FROM (SELECT k FROM unnest($2::int[]) AS k ORDER BY k) AS sorted"
)
_LOCK_MANY = "SELECT pg_advisory_xact_lock($1::int, -1)"
# Of a crowded key only as many holders are read as tell that it is crowded.
_HOLDERS = (
    "SELECT asked.key, held.party_id FROM unnest($1::bigint[]) AS asked(key) CROSS JOIN LATERAL ("
    "SELECT party_id FROM party_keys WHERE party_keys.key = asked.key LIMIT $2::int) AS held"
)
_PROFILES = "SELECT id, evidence FROM parties WHERE id = ANY($1::uuid[])"
_FRESH_KEYS, _MORE_KEYS = way_of(party_keys), way_of(party_keys, after="ON CONFLICT DO NOTHING")
# In the order of the index, whose pages are each visited once then.
_MANY_KEYS = (
    "INSERT INTO party_keys (tenant_id, key, party_id) SELECT $1, n.key, n.party_id "
    "FROM unnest($2::bigint[], $3::uuid[]) AS n(key, party_id) ORDER BY n.key"
)
_UPDATE_PARTIES = (
    "UPDATE parties SET evidence = n.evidence, phones = n.phones, emails = n.emails, "
    "member_count = parties.member_count + n.joined, "
    "display_name = CASE WHEN n.display_name = '' THEN parties.display_name ELSE n.display_name END, "
    "company_name = CASE WHEN n.company_name = '' THEN parties.company_name ELSE n.company_name END, "
    "row_version = parties.row_version + 1, update_time = $8 "
    "FROM unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::jsonb[], $5::int[], $6::text[], $7::text[]) "
    "AS n(id, evidence, phones, emails, joined, display_name, company_name) "
    "WHERE parties.id = n.id AND parties.state = 'ACTIVE' RETURNING parties.id"
)


async def lock_keys(tx: Tx, digests: Collection[int]) -> None:
    """Waits until no other transaction decides on one of these keys; in sorted order, so that two batches never wait
    for each other."""
    if not digests:
        return
    space = int.from_bytes(tx.tenant_id.bytes[-4:], "big", signed=True)
    if len(digests) > _FEW:
        await tx.fetch(_LOCK_MANY, space)
    else:
        locks = sorted({key & 0x7FFFFFFF for key in digests})
        await tx.fetch(_LOCK_FEW, space, [-1, *locks])


async def holders(tx: Tx, by_digest: Mapping[int, str]) -> list[tuple[str, UUID]]:
    """Which parties hold the keys, given by their digests; of a crowded key just enough of them to tell."""
    if not by_digest:
        return []
    rows = await tx.fetch(_HOLDERS, list(by_digest), CROWDED + 1)
    return [(by_digest[key], party_id) for key, party_id in rows]


async def profiles(tx: Tx, party_ids: Sequence[UUID]) -> dict[UUID, Evidence]:
    """Profiles of parties."""
    if not party_ids:
        return {}
    return {id: Evidence.from_json(evidence) for id, evidence in await tx.fetch(_PROFILES, party_ids)}


async def add_keys(tx: Tx, pairs: Collection[tuple[int, UUID]], *, fresh: bool = False) -> None:
    """Remembers that parties hold keys, given by their digests; few are written with the next flush. `fresh` parties
    hold none yet, so nothing is looked up before; no pair may stand there twice then."""
    if len(pairs) > _FEW:
        # Two arrays are read faster than as many rows are copied.
        keys, parties = zip(*pairs, strict=True)
        await tx.fetch(_MANY_KEYS if fresh else f"{_MANY_KEYS} ON CONFLICT DO NOTHING", tx.tenant_id, keys, parties)
        return
    rows = [{"tenant_id": tx.tenant_id, "key": key, "party_id": party} for key, party in pairs]
    tx.stage_rows(_FRESH_KEYS if fresh else _MORE_KEYS, rows)


async def replace_keys(tx: Tx, party_id: UUID, keys: Sequence[str]) -> None:
    """Lets a party hold exactly these keys."""
    await tx.session.execute(delete(party_keys).where(party_keys.c.party_id == party_id))
    await add_keys(tx, [(digest(key), party_id) for key in dict.fromkeys(keys)])
    await tx.flush()


async def update_parties(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes the grown profiles of many parties; `joined` is by how many members each grew. Refuses one merged away
    meanwhile."""
    if not rows:
        return
    as_json = {name: [orjson.dumps(row[name]).decode() for row in rows] for name in ("evidence", "phones", "emails")}
    plain = {name: [row[name] for row in rows] for name in ("joined", "display_name", "company_name")}
    ids = [row["id"] for row in rows]
    updated = {row[0] for row in await tx.fetch(_UPDATE_PARTIES, ids, *as_json.values(), *plain.values(), tx.now())}
    if missing := [row["id"] for row in rows if row["id"] not in updated]:
        raise PartyMergedMeanwhile(party_id=missing[0])


async def identities_by_id(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Identity]:
    """Identities that are known already."""
    if not ids:
        return {}
    rows = await tx.session.scalars(select(Identity).where(Identity.id.in_(ids)).with_for_update())
    return {identity.id: identity for identity in rows}


async def lock_parties(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Party]:
    """Parties held until the end of the transaction, in sorted order."""
    query = (
        select(Party)
        .where(Party.id.in_(ids))
        .order_by(Party.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {party.id: party for party in await tx.session.scalars(query)}


async def members(tx: Tx, party_id: UUID) -> list[Identity]:
    """Identities of a party, oldest first."""
    query = (
        select(Identity)
        .where(Identity.party_id == party_id)
        .order_by(Identity.create_time, Identity.id)
        .with_for_update()
    )
    return list(await tx.session.scalars(query))


async def count_members(tx: Tx, party_id: UUID) -> int:
    """How many identities a party has."""
    return await tx.session.scalar(select(func.count()).select_from(Identity).where(Identity.party_id == party_id)) or 0


async def forgettable(tx: Tx, identity_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Of these identities those that no row of this service is about and whose party nobody decided about, each with
    its party."""
    if not identity_ids:
        return {}
    about = " ".join(
        f"AND NOT EXISTS (SELECT 1 FROM {entity.__tablename__} t WHERE t.identity_id = i.id)"
        for entity in tx.runtime.linked_entities
    )
    query = text(
        "SELECT i.id, i.party_id FROM identities i WHERE i.id = ANY(CAST(:ids AS uuid[])) AND i.move_version = 0 "
        f"AND NOT EXISTS (SELECT 1 FROM party_decisions d WHERE d.party_id = i.party_id) {about}"
    )
    return dict((await tx.session.execute(query, {"ids": list(identity_ids)})).all())


async def delete_identities(tx: Tx, ids: Sequence[UUID]) -> None:
    """Removes identities."""
    await tx.session.execute(delete(Identity).where(Identity.id.in_(ids)).execution_options(synchronize_session=False))


async def delete_parties(tx: Tx, ids: Sequence[UUID]) -> None:
    """Removes parties and their keys."""
    await tx.session.execute(delete(party_keys).where(party_keys.c.party_id.in_(ids)))
    await tx.session.execute(delete(Party).where(Party.id.in_(ids)).execution_options(synchronize_session=False))


async def lock_decision(tx: Tx, decision_id: UUID) -> PartyDecision | None:
    """A decision held until the end of the transaction."""
    found: PartyDecision | None = await tx.session.scalar(
        select(PartyDecision).where(PartyDecision.id == decision_id).with_for_update()
    )
    return found


async def links(tx: Tx, identity_ids: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
    """Identities that are known, each with its party."""
    rows = await tx.session.execute(select(Identity.id, Identity.party_id).where(Identity.id.in_(identity_ids)))
    return [(row.id, row.party_id) for row in rows]


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many parties there are, and those that are gone or merged but have members, or count them wrongly."""
    counted = select(Identity.party_id, func.count().label("members")).group_by(Identity.party_id).subquery("counted")
    members = func.coalesce(counted.c.members, 0)
    query = (
        select(func.coalesce(Party.id, counted.c.party_id))
        .select_from(Party)
        .join(counted, counted.c.party_id == Party.id, full=True)
        .where(or_(Party.id.is_(None), Party.member_count != members, and_(Party.state == MERGED, members > 0)))
        .limit(20)
    )
    total = await tx.session.scalar(select(func.count()).select_from(Party))
    return int(total or 0), [f"party {party}" for party in (await tx.session.scalars(query)).all()]


async def misplaced(tx: Tx) -> tuple[int, list[str]]:
    """How many rows of this service are about somebody, and those that name another party than their identity."""
    total, broken = 0, []
    for table in (entity.__tablename__ for entity in tx.runtime.linked_entities):
        total += await tx.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0
        query = (
            f"SELECT t.id FROM {table} t JOIN identities i ON i.id = t.identity_id "
            "WHERE i.party_id <> t.party_id ORDER BY t.id LIMIT 20"
        )
        broken += [f"{table} {id}" for id in (await tx.session.scalars(text(query))).all()]
    return total, broken
