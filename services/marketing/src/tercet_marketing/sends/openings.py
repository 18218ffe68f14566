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
