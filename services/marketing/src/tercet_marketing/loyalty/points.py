"""Points as the rest of marketing uses them: earned, burned, taken back, expired, moved, each once by its key.

Every function takes a membership, whose whole party's points it works on, and tells what happened as events. A key
follows from what happened; the same key again is answered with what was booked, another number of points is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.loyalty import rules, standing, store
from tercet_marketing.loyalty.errors import (
    PointsEntryNotReversible,
    PointsEntryUnknown,
    PointsInsufficient,
    PointsKeyReused,
    PointsReversedAlready,
    PointsReversedInPart,
    PointsTransferBetweenProgrammes,
    PointsTransferToSelf,
)
from tercet_marketing.loyalty.model import LoyaltyProgramme, Membership, PointsEntry, PointsLot
from tercet_marketing.loyalty.rules import ZERO
from tercet_marketing.loyalty.wallet import (
    About,
    Booking,
    Piece,
    Wallet,
    open_wallets,
    owed_account,
    own_account,
    zone_of,
)


async def enrol(
    tx: Tx, programme: LoyaltyProgramme, identity_id: UUID, party_id: UUID, *, join_time: datetime | None = None
) -> Membership:
    """The identity's membership, made when there is none."""
    found = await store.membership_of(tx, programme.code, identity_id)
    if found is not None:
        return found
    party = await tx.known.party_of(identity_id) or party_id
    made = tx.add(
        Membership(
            programme_code=programme.code,
            identity_id=identity_id,
            party_id=party,
            time_zone="",
            join_time=join_time or tx.now(),
            points=ZERO,
            tier_code="",
        )
    )
    await welcome(tx, programme, made)
    return made


async def welcome(tx: Tx, programme: LoyaltyProgramme, member: Membership) -> None:
    """Opens a new member's account and gives the party's tier."""
    await tx.flush()
    await ledgers.open_accounts(tx, [own_account(programme, member.identity_id)])
    tx.emit(events.MembershipCreated, member)
    if programme.tier_rule:
        await standing.review(tx, programme, member.party_id)


async def earn(
    tx: Tx,
    programme: LoyaltyProgramme,
    member: Membership,
    points: Decimal,
    *,
    key: str,
    reason: str,
    reference: str = "",
    note: str = "",
    occur_time: datetime | None = None,
    sale_id: UUID | None = None,
    contributions: Sequence[Any] = (),
    counts_for_tiers: bool = True,
) -> PointsEntry:
    """Gives points, which are usable and expire as the programme says. They pay first what the membership owes."""
    moment = occur_time or tx.now()
    wallet = (await open_wallets(tx, programme, [member]))[0]
    before = await _before(tx, wallet, key, "EARN", points)
    if before:
        return before[0]
    await _sweep(tx, wallet)
    zone = await zone_of(tx, programme, member)
    piece = Piece(points, programme.usable_time(moment, zone), programme.expire_time(moment, zone))
    booking = Booking(tx, About(key, "EARN", reason, moment, reference, note))
    entry = booking.give(
        wallet,
        member,
        [piece],
        qualifying=points if counts_for_tiers else ZERO,
        sale_id=sale_id,
        contributions=list(contributions),
        usable_time=piece.usable_time,
        expire_time=piece.expire_time,
    )
    await booking.write("issued")
    tx.emit(events.PointsEarned, member, points_entry=tx.render(entry), occur_time=moment)
    if counts_for_tiers and programme.tier_rule:
        await standing.review(tx, programme, member.party_id)
    return entry


async def burn(
    tx: Tx,
    programme: LoyaltyProgramme,
    member: Membership,
    points: Decimal,
    *,
    key: str,
    reason: str,
    reference: str = "",
    note: str = "",
) -> list[PointsEntry]:
    """Takes points of the membership's party, those that expire soonest first. Refuses more than can be used now."""
    wallet = (await open_wallets(tx, programme, [member]))[0]
    before = await _before(tx, wallet, key, "BURN", -points)
    if before:
        return before
    booking = Booking(tx, About(key, "BURN", reason, tx.now(), reference, note))
    booking.take(wallet, await _usable(tx, wallet, points), points)
    entries = await booking.write("burned")
    _tell(tx, wallet, events.PointsBurned, entries)
    return entries


async def adjust(
    tx: Tx, programme: LoyaltyProgramme, member: Membership, points: Decimal, *, key: str, note: str
) -> list[PointsEntry]:
    """Puts points right by hand: more, usable at once, or fewer. Counts for no tier. Refuses to take more than there
    is.
    """
    wallet = (await open_wallets(tx, programme, [member]))[0]
    before = await _before(tx, wallet, key, "ADJUST", points)
    if before:
        return before
    now = tx.now()
    booking = Booking(tx, About(key, "ADJUST", "BY_HAND", now, note=note))
    if points > 0:
        await _sweep(tx, wallet)
        expire = programme.expire_time(now, await zone_of(tx, programme, member))
        booking.give(wallet, member, [Piece(points, now, expire)], usable_time=now, expire_time=expire)
    else:
        booking.take(wallet, await _usable(tx, wallet, -points), -points)
    entries = await booking.write("adjusted")
    _tell(tx, wallet, events.PointsAdjusted, entries)
    return entries


async def transfer(
    tx: Tx, programme: LoyaltyProgramme, source: Membership, target: Membership, points: Decimal, *, key: str, note: str
) -> list[PointsEntry]:
    """Gives points of one party to another; they last as long as they did. Refuses more than can be used now."""
    if source.programme_code != target.programme_code:
        raise PointsTransferBetweenProgrammes(
            programme_code=source.programme_code, to_programme_code=target.programme_code
        )
    if source.party_id == target.party_id:
        raise PointsTransferToSelf()
    giver, taker = await open_wallets(tx, programme, [source, target])
    before = await _before(tx, giver, key, "TRANSFER", -points)
    if before:
        return before
    await _sweep(tx, taker)
    lots = await _usable(tx, giver, points)
    booking = Booking(tx, About(key, "TRANSFER", "TRANSFER", tx.now(), note=note))
    pieces = [Piece(part, lot.usable_time, lot.expire_time) for lot, part in rules.take(lots, points)[0]]
    booking.take(giver, lots, points)
    booking.give(taker, target, pieces)
    entries = await booking.write(None)
    for wallet in (giver, taker):
        own = [entry for entry in entries if entry.membership_id in wallet.members]
        _tell(tx, wallet, events.PointsTransferred, own)
    return entries


async def reverse(
    tx: Tx,
    programme: LoyaltyProgramme,
    key: str,
    of_key: str,
    *,
    points: Decimal | None = None,
    reason: str,
    reference: str = "",
    note: str = "",
    occur_time: datetime | None = None,
) -> list[PointsEntry]:
    """Takes back what was earned, all of it or so many points, or gives back all that was burned.

    What was earned is taken also when part of it was burned: from other points of the membership, and what is missing
    is owed or written off, as the programme says. What expired meanwhile is gone already and not taken twice. What was
    burned goes back where it came from and lasts as long as it did. Refuses more than is left of it.
    """
    of = await store.entries_by_key(tx, programme.code, of_key)
    if not of:
        raise PointsEntryUnknown(key=of_key)
    if of[0].kind not in ("EARN", "BURN"):
        raise PointsEntryNotReversible(kind=of[0].kind)
    members = await store.members_by_id(tx, [entry.membership_id for entry in of])
    wallets = await _wallets_of(tx, programme, members)
    before = await store.entries_by_key(tx, programme.code, key)
    if before:
        total = sum((entry.reversed_points for entry in before), ZERO)
        if {entry.reverses_id for entry in before} != {entry.id for entry in of} or points not in (None, total):
            raise PointsKeyReused(key=key)
        return before
    booking = Booking(tx, About(key, "REVERSAL", reason, occur_time or tx.now(), reference or of[0].reference, note))
    if of[0].kind == "BURN":
        entries = await _unburn(tx, wallets, booking, of, points)
    else:
        entries = await _unearn(tx, wallets[of[0].membership_id], booking, of[0], points)
    for entry in entries:
        _tell(tx, wallets[entry.membership_id], events.PointsReversed, [entry])
    if of[0].qualifying and programme.tier_rule:
        await standing.review(tx, programme, members[0].party_id)
    return entries


async def _wallets_of(tx: Tx, programme: LoyaltyProgramme, members: Sequence[Membership]) -> dict[UUID, Wallet]:
    # One a party, whatever party each membership belongs to by now.
    parties = {member.party_id: member for member in members}
    opened = await open_wallets(tx, programme, list(parties.values()))
    return {member.id: wallet for member in members for wallet in opened if member.id in wallet.members}


async def hold(tx: Tx, programme: LoyaltyProgramme, entry: PointsEntry) -> None:
    """Makes others who change the points of the entry's party wait until the end of the transaction."""
    await _wallets_of(tx, programme, await store.members_by_id(tx, [entry.membership_id]))


async def left_to_reverse(tx: Tx, entry: PointsEntry) -> Decimal:
    """How much of what an entry brought can still be taken back: neither reversed nor expired."""
    return abs(entry.points) - await store.reversed_of(tx, entry.id) - await store.lapsed_of(tx, entry.id)


async def expire(tx: Tx, programme: LoyaltyProgramme, member: Membership) -> None:
    """Lets points of the membership's party go whose time is over."""
    await _sweep(tx, (await open_wallets(tx, programme, [member]))[0])


async def standing_of(
    tx: Tx, programme: LoyaltyProgramme, members: Sequence[Membership], moment: datetime
) -> tuple[rules.Standing, list[Any]]:
    """What memberships of one party had at a moment, and the lots it was made of."""
    ids = store.ids_of(members)
    owed = [owed_account(programme, member.identity_id) for member in members]
    owed_ids = [ledgers.account_id(tx, spec.kind, spec.unit, spec.holder) for spec in owed]
    own = [own_account(programme, member.identity_id) for member in members]
    own_ids = [ledgers.account_id(tx, spec.kind, spec.unit, spec.holder) for spec in own]
    lots = await store.lots_as_of(tx, ids, moment)
    debts = await ledgers.balance_as_of(tx, owed_ids, moment)
    held = [account.held for account in (await ledgers.accounts_by_id(tx, own_ids)).values()]
    return rules.standing(lots, sum(debts.values(), ZERO), sum(held, ZERO), moment), lots


async def _usable(tx: Tx, wallet: Wallet, points: Decimal) -> list[PointsLot]:
    """The lots that can be burned, in their order. Refuses more points than are available."""
    await _sweep(tx, wallet)
    has = wallet.standing(tx.now())
    if points > has.available:
        raise PointsInsufficient(available=_plain(has.available), pending=_plain(has.pending), points=_plain(points))
    return rules.usable(wallet.lots, tx.now())


async def _sweep(tx: Tx, wallet: Wallet) -> None:
    for lot in [lot for lot in wallet.lots if lot.left > 0 and rules.lapsed(lot, tx.now())]:
        account = wallet.own[lot.membership_id]
        # What somebody holds at this moment stays until the hold ends.
        amount = min(lot.left, wallet.balances[account] - wallet.held.get(account, ZERO))
        if amount <= 0 or lot.expire_time is None:
            continue
        about = About(f"expire:{lot.id}:{new_id()}", "EXPIRE", "EXPIRED", lot.expire_time)
        booking = Booking(tx, about)
        booking.take(wallet, [lot], amount)
        _tell(tx, wallet, events.PointsExpired, await booking.write("expired"))
    wallet.lots = [lot for lot in wallet.lots if lot.left > 0 and not rules.lapsed(lot, tx.now())]


async def _unearn(
    tx: Tx, wallet: Wallet, booking: Booking, of: PointsEntry, points: Decimal | None
) -> list[PointsEntry]:
    await _sweep(tx, wallet)
    left = await left_to_reverse(tx, of)
    points = left if points is None else points
    if points > left or left <= 0:
        raise PointsReversedAlready(left=_plain(left), points=_plain(points))
    member = wallet.members[of.membership_id]
    lots = [lot for lot in rules.by_expiry(wallet.lots) if lot.membership_id == member.id]
    # First what this very entry brought, then what else the membership has.
    taken, missing = rules.take(sorted(lots, key=lambda lot: lot.entry_id != of.id), points)
    owes = wallet.programme.debt_rule == "OWE"
    entry = booking.enter(
        wallet,
        member,
        -points if owes else missing - points,
        qualifying=-points if of.qualifying else ZERO,
        reverses_id=of.id,
        reversed_points=points,
        period_time=of.period_time,
    )
    booking.draw(wallet, entry, taken)
    if missing and owes:
        booking.owe(wallet, member, missing)
    return await booking.write("issued")


async def _unburn(
    tx: Tx, wallets: dict[UUID, Wallet], booking: Booking, of: Sequence[PointsEntry], points: Decimal | None
) -> list[PointsEntry]:
    total = -sum((entry.points for entry in of), ZERO)
    if await store.reversed_of(tx, of[0].id):
        raise PointsReversedAlready(left="0", points=_plain(points or total))
    if points is not None and points != total:
        raise PointsReversedInPart(points=_plain(total))
    taken = await store.taken_by(tx, [entry.id for entry in of])
    for entry in of:
        wallet = wallets[entry.membership_id]
        own = [(lot, part) for lot, part in taken if lot.membership_id == entry.membership_id]
        pieces = [Piece(part, lot.usable_time, lot.expire_time, lot) for lot, part in own]
        member = wallet.members[entry.membership_id]
        booking.give(wallet, member, pieces, reverses_id=entry.id, reversed_points=-entry.points)
    return await booking.write("burned")


def _tell(tx: Tx, wallet: Wallet, event: Any, entries: Sequence[PointsEntry]) -> None:
    for entry in entries:
        member = wallet.members.get(entry.membership_id)
        if member is not None:
            tx.emit(event, member, points_entry=tx.render(entry), occur_time=entry.occur_time)


async def _before(tx: Tx, wallet: Wallet, key: str, kind: str, points: Decimal) -> list[PointsEntry]:
    """What stands under a key. Refuses one that names another thing, other points, or somebody else's."""
    found = await store.entries_by_key(tx, wallet.programme.code, key)
    own = [entry for entry in found if entry.membership_id in wallet.members and entry.kind == kind]
    if found and sum((entry.points for entry in own), ZERO) != points:
        raise PointsKeyReused(key=key)
    return found


def _plain(points: Decimal) -> str:
    return f"{points.normalize():f}"
