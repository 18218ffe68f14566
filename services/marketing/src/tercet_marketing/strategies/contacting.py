"""Which contact of a company hears of what the company is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tercet_chassis import Tx
from tercet_marketing.contacts import store as contacts
from tercet_marketing.contacts.model import CompanyContact
from tercet_marketing.profiles.model import Profile
from tercet_marketing.sends.openings import Addressee, closed_to
from tercet_marketing.strategies.rules import Wish

NO_CONTACT = "NO_CONTACT"


@dataclass(slots=True)
class Told:
    """Through which channels which contact can be told, and why other channels are closed."""

    open: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)


async def contacts_told(tx: Tx, profiles: Sequence[Profile], wishes: Iterable[Wish]) -> dict[tuple[UUID, str], Told]:
    """By party and reach, of parties that are companies and of wishes that name roles: of each channel the first
    contact to whom it is open, in the order of the roles, preferred ones first.
    """
    wanted: dict[str, tuple[Wish, set[str]]] = {}
    for wish in wishes:
        if wish.recipient_roles:
            wanted.setdefault(wish.reach, (wish, set()))[1].update(wish.channel_codes)
    companies: dict[UUID, set[UUID]] = defaultdict(set)
    for profile in profiles:
        if profile.kind == "COMPANY" and profile.customer_id is not None:
            companies[profile.party_id].add(profile.customer_id)
    if not wanted or not companies:
        return {}
    known = await contacts.of_customers(tx, {id for ids in companies.values() for id in ids})
    people = [addressee(one) for found in known.values() for one in found]
    purposes, codes = {wish.purpose for wish, _ in wanted.values()}, {code for _, of in wanted.values() for code in of}
    closed = await closed_to(tx, people, purposes, codes)
    answer: dict[tuple[UUID, str], Told] = {}
    for party_id, customers in companies.items():
        every = [one for id in sorted(customers) for one in known.get(id, ())]
        for reach, (wish, of) in wanted.items():
            asked = contacts.with_roles(every, wish.recipient_roles)
            told = answer[party_id, reach] = Told()
            for code in of:
                causes = [(one, closed[one.id, wish.purpose, code]) for one in asked]
                first = next((one for one, cause in causes if not cause), None)
                if first is not None:
                    told.open[code] = str(first.id)
                else:
                    told.closed[code] = causes[0][1] if causes else NO_CONTACT
    return answer


def addressee(contact: CompanyContact) -> Addressee:
    """A contact as the door sees one."""
    return Addressee(contact.id, contact.person_identity_id, contact.contact_points)
