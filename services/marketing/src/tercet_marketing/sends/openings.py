"""Through which channels somebody may be reached just now, asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tercet_chassis import Tx
from tercet_marketing.channels.accounts import Carrier, carriers
from tercet_marketing.channels.contract import AddressKind
from tercet_marketing.consent import store as consent
from tercet_marketing.consent.rules import DO_NOT_DISTURB, Ask
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.rules import point_digest
from tercet_marketing.sends import rules
from tercet_marketing.sends.owners import owner_of
from tercet_marketing.sends.rules import Json


@dataclass(slots=True)
class Openings:
    """The channels that are open for one party, by purpose, and of each other why it is not; `left_alone` for which
    purposes they wish for quiet.
    """

    channels: dict[str, set[str]] = field(default_factory=dict)
    closed: dict[str, dict[str, str]] = field(default_factory=dict)
    left_alone: set[str] = field(default_factory=set)


async def openings(
    tx: Tx, profiles: Sequence[Profile], purposes: Iterable[str], channel_codes: Iterable[str]
) -> dict[UUID, Openings]:
    """What is open for the party of each profile, in a handful of statements; a channel is open when any of the party's
    profiles can be reached by it. The door looks again when a message goes.
    """
    carried = await carriers(tx)
    wanted = sorted(set(channel_codes))
    usable = {code: carrier for code in wanted if (carrier := carried.carrier(code)) is not None}
    points = {
        (profile.id, code): point
        for profile in profiles
        for code, carrier in usable.items()
        if (point := point_of(profile, profile.identity_id, carrier)) is not None
    }
    digests = {key: point_digest(point) for key, point in points.items()}
    standing = await consent.standing(tx, {profile.party_id for profile in profiles}, digests.values())
    found: dict[UUID, Openings] = {profile.party_id: Openings() for profile in profiles}
    for purpose in set(purposes):
        for party_id, opening in found.items():
            if standing.against(Ask(party_id, "", "", purpose)) == DO_NOT_DISTURB:
                opening.left_alone.add(purpose)
        for profile in profiles:
            opening = found[profile.party_id]
            why = opening.closed.setdefault(purpose, dict.fromkeys(wanted, rules.NO_ADDRESS))
            for code in wanted:
                digest = digests.get((profile.id, code))
                if code not in usable:
                    why[code] = rules.NO_ACCOUNT
                if digest is None:
                    continue
                against = standing.against(Ask(profile.party_id, digest, carried.channel_of(code), purpose))
                if against is None:
                    opening.channels.setdefault(purpose, set()).add(code)
                else:
                    why[code] = against
    return found


def point_of(profile: Profile | None, identity_id: UUID, carrier: Carrier) -> Json | None:
    """Where a carrier reaches somebody whose address nobody gave; None when they have none of its kind."""
    channel = carrier.channel
    if channel.address_kind == AddressKind.CUSTOMER:
        return {"kind": AddressKind.CUSTOMER.value, "value": str(identity_id)}
    if channel.address_kind == AddressKind.URL:
        # The tenant's own system: where it is, the account says.
        return {"kind": AddressKind.URL.value, "value": str(carrier.account.settings.get("url") or "console")}
    return rules.chosen_point(profile.contact_points if profile else (), channel.address_kind.value, channel.platform)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who is told in place of a customer; `identity_id` when they were met themselves."""

    id: UUID
    identity_id: UUID | None
    contact_points: Sequence[Json]


async def closed_to(
    tx: Tx, people: Sequence[Addressee], purposes: Iterable[str], channel_codes: Iterable[str]
) -> dict[tuple[UUID, str, str], str]:
    """Why a channel is closed to one of these, by id, purpose and channel; empty where it is open. Their own consent
    and wish for quiet count, those of whoever the contact point belongs to.
    """
    carried = await carriers(tx)
    codes = sorted(set(channel_codes))
    owners: dict[str, UUID] = {}
    points: dict[tuple[UUID, str], str] = {}
    for code in codes:
        carrier = carried.carrier(code)
        for one in people:
            point = None if carrier is None else address_of(one, carrier)
            if point is not None:
                digest = points[one.id, code] = point_digest(point)
                if digest not in owners:
                    owners[digest] = await _owner(tx, one, digest)
    standing = await consent.standing(tx, owners.values(), points.values())
    found: dict[tuple[UUID, str, str], str] = {}
    for one in people:
        for code in codes:
            digest = points.get((one.id, code), "")
            for purpose in set(purposes):
                if digest:
                    ask = Ask(owners[digest], digest, carried.channel_of(code), purpose)
                    found[one.id, purpose, code] = standing.against(ask) or ""
                else:
                    gone = carried.carrier(code) is None
                    found[one.id, purpose, code] = rules.NO_ACCOUNT if gone else rules.NO_ADDRESS
    return found


def address_of(one: Addressee, carrier: Carrier) -> Json | None:
    """Where a carrier reaches somebody; None when they have no contact point of its kind."""
    return rules.chosen_point(one.contact_points, carrier.channel.address_kind.value, carrier.channel.platform)


async def _owner(tx: Tx, one: Addressee, digest: str) -> UUID:
    if one.identity_id is not None:
        return await tx.known.party_of(one.identity_id) or one.identity_id
    return (await owner_of(tx, digest))[1]
