"""Queries of profiles and of what they are put together from."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select

from tercet_chassis import Tx, derived_id
from tercet_chassis.entity import Entity, untracked, view
from tercet_chassis.money import Money
from tercet_marketing.profiles import rules
from tercet_marketing.profiles.model import (
    Profile,
    ProfilePurchase,
    ProfileSource,
    ProfileValue,
    TagChange,
    moment_text,
)

_SOURCES = "SELECT id, identity_id, facts FROM profile_sources WHERE identity_id = ANY($1)"
_KNOWN = "SELECT identity_id, party_id FROM profiles WHERE identity_id = ANY($1) ORDER BY identity_id"
_TOLD_ANEW = (
    "UPDATE profile_sources AS s SET facts = told.facts, update_time = $3, row_version = s.row_version + 1 "
    "FROM unnest($1::uuid[], $2::jsonb[]) AS told(id, facts) WHERE s.id = told.id"
)
_PARTIES = "SELECT identity, party FROM known_parties($1, $2)"
# Every merge or split is newer than whom an identity was first said to be.
_FIRST = 0
_OTHERWISE = (
    "SELECT profile.id FROM profiles AS profile "
    "JOIN unnest($1::uuid[], $2::text[]) AS told(party_id, code) ON told.party_id = profile.party_id "
    "WHERE profile.stage_code <> told.code"
)
_VALUED = "SELECT DISTINCT party_id FROM profile_values WHERE party_id = ANY($1)"


class Parts:
    """What profiles are put together from, of many identities at once; new rows are written together."""

    def __init__(
        self, tx: Tx, sources: Iterable[ProfileSource], profiles: Iterable[Profile], placed: Collection[UUID] = ()
    ) -> None:
        self._tx = tx
        # Identities whose profile was here before anybody said which party they belong to.
        self.placed = placed
        self._sources: dict[UUID, dict[UUID, ProfileSource]] = defaultdict(dict)
        for source in sources:
            self._sources[source.identity_id][source.id] = source
        self._profiles = {profile.identity_id: profile for profile in profiles}
        self._new_sources: dict[UUID, ProfileSource] = {}
        self._told_anew: dict[UUID, ProfileSource] = {}
        self._new_profiles: list[Profile] = []

    def contribute(self, identity_id: UUID, id: UUID, facts: dict[str, Any]) -> bool:
        """Keeps what a lead or customer tells; False when it told the same before."""
        known = self._sources[identity_id].get(id)
        if known is None:
            made = untracked(ProfileSource)(id=id, identity_id=identity_id, facts=facts)
            self._sources[identity_id][id] = made
            self._new_sources[id] = made
        elif known.facts == facts:
            return False
        else:
            known.facts = facts
            if id not in self._new_sources:
                self._told_anew[id] = known
        return True

    def facts_of(self, identity_id: UUID) -> list[dict[str, Any]]:
        """What every lead and customer of the identity tells."""
        return [source.facts for source in self._sources[identity_id].values()]

    def profile(self, identity_id: UUID, party_id: UUID) -> Profile:
        """The identity's profile, made when there is none."""
        found = self._profiles.get(identity_id)
        if found is None:
            found = self._profiles[identity_id] = _empty(untracked(Profile), self._tx, identity_id, party_id)
            found.create_time = found.update_time = self._tx.now()
            found.row_version = 1
            self._new_profiles.append(found)
        return found

    async def write(self) -> None:
        """Writes sources and new profiles; profiles that have changed are written at the end of the transaction."""
        tx, new = self._tx, self._new_profiles
        if self._told_anew:
            facts = [json.dumps(source.facts, ensure_ascii=False) for source in self._told_anew.values()]
            await tx.fetch(_TOLD_ANEW, list(self._told_anew), facts, tx.now())
        if new:
            # A party may have moved while the lead or customer that quotes it was on its way.
            rows = await tx.fetch(_PARTIES, tx.tenant_id, [profile.identity_id for profile in new])
            moved = {row["identity"]: row["party"] for row in rows}
            for profile in new:
                profile.party_id = moved.get(profile.identity_id, profile.party_id)
            valued = {row["party_id"] for row in await tx.fetch(_VALUED, [profile.party_id for profile in new])}
            for profile in new:
                if profile.party_id in valued:
                    await _show_values(tx, profile)
        tx.stage(ProfileSource, [vars(source) for source in self._new_sources.values()])
        tx.stage(Profile, [vars(profile) for profile in new])


async def held_parts(tx: Tx, parties: Mapping[UUID, UUID]) -> Parts:
    """The parts of these identities' profiles, held with their parties until the end of the transaction."""
    await tx.hold("profile", [*parties, *parties.values()])
    given = list(parties)
    sources = [untracked(ProfileSource)(**row) for row in await tx.fetch(_SOURCES, given)]
    known = {row["identity_id"]: row["party_id"] for row in await tx.fetch(_KNOWN, given)}
    if not known:
        return Parts(tx, sources, [])
    placed = {id for id, party_id in known.items() if await _placed(tx, id, party_id, parties[id])}
    wanted = any_(literal(list(known), ARRAY(Uuid())))
    profiles = list(await tx.session.scalars(select(Profile).where(Profile.identity_id == wanted)))
    for profile in profiles:
        if profile.identity_id in placed:
            await _show_values(tx, profile)
    return Parts(tx, sources, profiles, placed)


async def _placed(tx: Tx, identity_id: UUID, supposed: UUID, told: UUID) -> bool:
    """Puts an identity that was met before its lead or customer was told, and taken for a party of its own until then,
    under the party it is said to belong to, with everything that is kept about it. False for any other.
    """
    if supposed != identity_id or told == supposed:
        return False
    return await tx.known.follow_move(identity_id, told, _FIRST) == told


async def profile_of(tx: Tx, identity_id: UUID) -> Profile | None:
    """The identity's profile, whoever may see it."""
    return (await tx.session.scalars(select(Profile).where(Profile.identity_id == identity_id))).one_or_none()


async def party_of(tx: Tx, identity_id: UUID) -> UUID:
    """The party that an identity belongs to, by its newest move or its profile."""
    return await tx.known.party_of(identity_id) or (await held_profile(tx, identity_id)).party_id


async def held_profile(tx: Tx, identity_id: UUID) -> Profile:
    """The identity's profile, held. Of whom nobody has told yet one is made, in a party of its own, so that what is
    kept of them follows when a lead or customer says which party they belong to.
    """
    await tx.hold("profile", [identity_id])
    made = await profile_for(tx, identity_id, await tx.known.party_of(identity_id) or identity_id)
    await tx.flush()
    return made


async def profile_for(tx: Tx, identity_id: UUID, party_id: UUID) -> Profile:
    """The identity's profile, made when there is none. Whoever makes one holds it or its party."""
    found = await profile_of(tx, identity_id)
    if found is None:
        # Nobody's until a lead or customer says whose: whoever is met first has not won the customer by that.
        found = _empty(Profile, tx, identity_id, party_id)
        tx.session.add(found)
        await _show_values(tx, found)
    elif await _placed(tx, identity_id, found.party_id, party_id):
        await tx.session.refresh(found)
        await _show_values(tx, found)
    return found


async def _show_values(tx: Tx, profile: Profile) -> None:
    # What the party is worth may have been told before there was a profile to show it.
    profile.take_values(rules.latest_values(await values_of(tx, profile.party_id)))


def _empty(make: type[Profile], tx: Tx, identity_id: UUID, party_id: UUID) -> Profile:
    # The id follows from the identity, so that a profile that is built anew has the same.
    return make(
        id=derived_id("profile", tx.tenant_id, identity_id),
        identity_id=identity_id,
        party_id=party_id,
        display_name="",
        contact_points=[],
        lead_state="",
        lifecycle_code="",
        customer_lifecycle_code="",
        stage_code="",
        order_count=0,
        consents=[],
        tags=[],
        tag_codes=[],
        spent=[],
        values=[],
    )


async def profiles_of_party(tx: Tx, party_id: UUID) -> list[Profile]:
    """The profiles of a party's identities, whoever may see them."""
    return list(await tx.session.scalars(select(Profile).where(Profile.party_id == party_id).order_by(Profile.id)))


async def showing_otherwise(tx: Tx, stages: Mapping[UUID, str]) -> Sequence[Profile]:
    """The profiles of these parties that do not show the stage beside their party, as they are once they are held."""
    wanted = (list(stages), list(stages.values()))
    ids = [row["id"] for row in await tx.fetch(_OTHERWISE, *wanted)]
    if not ids:
        return []
    await tx.hold("profile", stages)
    query = select(Profile).where(Profile.id.in_(ids)).execution_options(populate_existing=True)
    return (await tx.session.scalars(query)).all()


async def showing_a_stage(tx: Tx, limit: int) -> dict[UUID, str]:
    """Parties some of whose profiles show a stage, to show none."""
    query = select(Profile.party_id).where(Profile.stage_code != "").limit(limit)
    return dict.fromkeys(await tx.session.scalars(query), "")


async def kept(tx: Tx, entity: type[Entity], id: UUID, values: dict[str, Any]) -> None:
    """Writes what somebody else's resource contributes, under that resource's id."""
    row = await tx.session.get(entity, (tx.tenant_id, id))
    if row is None:
        tx.add(entity(id=id, **values))
        return
    for name, value in values.items():
        setattr(row, name, value)


async def purchases_of(tx: Tx, identity_id: UUID) -> list[tuple[str, datetime, Money]]:
    """Sale, its time and signed amount of each of the identity's transactions."""
    rows = view(ProfilePurchase)
    query = select(rows.c.sale_id, rows.c.sale_time, rows.c.amount, rows.c.currency).where(
        rows.c.identity_id == identity_id
    )
    return [
        (str(row.sale_id), row.sale_time, Money(row.amount, row.currency)) for row in await tx.session.execute(query)
    ]


async def values_of(tx: Tx, party_id: UUID) -> list[dict[str, Any]]:
    """What sales told of the party's value."""
    rows = view(ProfileValue)
    query = select(rows).where(rows.c.party_id == party_id, rows.c.order_count > 0).order_by(rows.c.id)
    return [
        {
            "unit_id": str(row.unit_id),
            "period_start_date": row.period_start_date.isoformat(),
            "quadrant": row.quadrant,
            "order_count": row.order_count,
            **rules.value_figures(
                row.order_count, Money(row.total, row.currency), row.period_start_date, row.period_end_date
            ),
            **({"last_time": moment_text(row.last_time)} if row.last_time is not None else {}),
            "told": moment_text(row.told_time),
        }
        for row in await tx.session.execute(query)
    ]


async def tag_changes(tx: Tx, profile_id: UUID, limit: int) -> Sequence[TagChange]:
    """The latest changes of a profile's tags."""
    query = (
        select(TagChange)
        .where(TagChange.profile_id == profile_id)
        .order_by(TagChange.change_time.desc(), TagChange.id.desc())
        .limit(limit)
    )
    return list(await tx.session.scalars(query))
