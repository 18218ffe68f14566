"""How often a policy's benefits are issued and redeemed: counted on ledger accounts, so parallel uses never exceed a
limit and each use is counted once.

An account counts what was used. Whoever takes a use first holds the accounts, then reads, then posts. A party's uses
are those of its identities taken together; who uses for the same party and policy waits for the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet_chassis import Tx
from tercet_marketing.grants import store
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.rules import AccountSpec, Draft, Holder, Leg
from tercet_marketing.policies.rules import Limits

UNIT = "use"
_COUNTER = ledgers.counter_spec("LIMIT", UNIT, "used")


@dataclass(frozen=True, slots=True)
class Use:
    """One use to be counted: of a policy, for somebody, under a key that names it. `code_id` with `code_most` limits
    a shared code beside the policy.
    """

    key: str
    policy_code: str
    purpose: str
    identity_id: UUID
    party_id: UUID
    limits: Limits
    code_id: UUID | None = None
    code_most: int = 0

    @property
    def counted(self) -> bool:
        """Whether anything limits it."""
        return bool(self.limits) or bool(self.code_most)


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that a use would exceed."""

    use: Use
    most: int
    what: str


@dataclass(slots=True)
class Room:
    """What was found for uses: those that fit, with the accounts to post to, and those that do not."""

    fitting: dict[str, list[UUID]]
    reached: list[Reached]


def _holders(use: Use, day: str) -> list[tuple[str, int | None, Holder]]:
    scope = f"{use.policy_code}:{use.purpose}"
    limits, what = use.limits, {"ISSUE": "issued", "REDEEM": "redeemed"}[use.purpose]
    found = [
        (f"{what} in all", limits.total, Holder("policy", scope)),
        (f"{what} on one day", limits.per_day, Holder("policy-day", f"{scope}:{day}")),
    ]
    if limits.per_customer is not None or limits.per_party is not None:
        held = Holder("policy-identity", f"{scope}:{use.identity_id}")
        found.append((f"{what} for one customer", limits.per_customer, held))
    if use.code_id is not None and use.code_most:
        found.append(("redeemed by this code", use.code_most, Holder("benefit-code", str(use.code_id))))
    return [one for one in found if one[1] is not None or one[2].type == "policy-identity"]


async def room_for(tx: Tx, uses: Sequence[Use], *, hold: bool) -> Room:
    """Which of the uses, in their order, fit into their limits. With `hold` nobody else can take the room until the
    end of the transaction; without, it is only looked.
    """
    counted = [use for use in uses if use.counted]
    if not counted:
        return Room({}, [])
    looked = await _room_for(tx, counted, hold=False)
    if not hold:
        return looked
    # Whoever comes when a limit is reached, the crowd at a popular code, waits for nobody.
    full = {over.use.key for over in looked.reached}
    held = await _room_for(tx, [use for use in counted if use.key not in full], hold=True)
    return Room(held.fitting, [*looked.reached, *held.reached])


async def _room_for(tx: Tx, counted: Sequence[Use], *, hold: bool) -> Room:
    room = Room({}, [])
    day = await _today(tx) if any(use.limits.per_day is not None for use in counted) else ""
    holders = {use.key: _holders(use, day) for use in counted}
    parties = [use for use in counted if use.limits.per_party is not None]
    if hold:
        await tx.hold("grant-limit", (f"{use.policy_code}:{use.purpose}:{use.party_id}" for use in parties))
    others = await _members(tx, parties)
    every = {holder for held in holders.values() for _, _, holder in held} | {
        h for held in others.values() for h in held
    }
    ids = {holder: ledgers.account_id(tx, "LIMIT", UNIT, holder) for holder in sorted(every)}
    accounts = await (ledgers.lock_accounts if hold else ledgers.accounts_by_id)(tx, ids.values())
    if hold and len(accounts) < len(ids):
        # Their other side comes with them, so that it need not be asked for when uses are counted.
        await ledgers.open_accounts(tx, [*(AccountSpec("LIMIT", UNIT, holder) for holder in ids), _COUNTER])
        accounts = await ledgers.lock_accounts(tx, ids.values())
    used: Counter[Holder] = Counter({holder: int(accounts[id].balance) for holder, id in ids.items() if id in accounts})
    for use in counted:
        over = _over(use, holders[use.key], others.get(use.key, []), used)
        if over is not None:
            room.reached.append(over)
            continue
        for _, _, holder in holders[use.key]:
            used[holder] += 1
        room.fitting[use.key] = [ids[holder] for _, _, holder in holders[use.key]]
    return room


async def _today(tx: Tx) -> str:
    zone = ZoneInfo((await tx.known.zone_and_currency(None))[0])
    return tx.now().astimezone(zone).date().isoformat()


def _over(
    use: Use, held: Sequence[tuple[str, int | None, Holder]], others: Sequence[Holder], used: Counter[Holder]
) -> Reached | None:
    for what, most, holder in held:
        if most is not None and used[holder] >= most:
            return Reached(use, most, what)
    if use.limits.per_party is not None:
        own = Holder("policy-identity", f"{use.policy_code}:{use.purpose}:{use.identity_id}")
        if sum(used[holder] for holder in {own, *others}) >= use.limits.per_party:
            what = {"ISSUE": "issued", "REDEEM": "redeemed"}[use.purpose]
            return Reached(use, use.limits.per_party, f"{what} for one party")
    return None


async def _members(tx: Tx, uses: Sequence[Use]) -> dict[str, list[Holder]]:
    found: dict[str, list[Holder]] = {}
    for use in uses:
        members = await store.members_with(tx, use.policy_code, use.party_id)
        scope = f"{use.policy_code}:{use.purpose}"
        found[use.key] = [Holder("policy-identity", f"{scope}:{member}") for member in members]
    return found


async def count(tx: Tx, uses: Sequence[Use], room: Room) -> None:
    """Counts the uses that fit, each once by its key."""
    drafts = []
    counter_id = ledgers.account_id(tx, "LIMIT", UNIT, _COUNTER.holder)
    for use in uses:
        accounts = room.fitting.get(use.key)
        if accounts:
            legs = [Leg(id, Decimal(1)) for id in accounts]
            legs.append(Leg(counter_id, Decimal(-len(accounts))))
            drafts.append(Draft(_key(use.key), tuple(legs), reason=use.purpose))
    if drafts:
        await ledgers.post_all(tx, drafts)


async def uncount(tx: Tx, keys: Iterable[str]) -> None:
    """Gives back uses by their keys, each once; those that nothing limited change nothing."""
    names = [_key(key) for key in sorted(keys)]
    counted = await ledgers.postings_of(tx, names) if names else {}
    if counted:
        await ledgers.reverse_all(tx, {f"{name}:back": of for name, of in counted.items()}, reason="GIVEN_BACK")


def _key(key: str) -> str:
    return f"limit:{key}"
