"""A party's points in one programme, held until the end of the transaction, and what a booking does to them.

A booking is one posting on the ledger, one entry for each membership it changes, and what it takes from and puts into
lots: the three always say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet_chassis import Tx
from tercet_chassis.faults import ChangedMeanwhile
from tercet_marketing.ledgers import store as ledgers
from tercet_marketing.ledgers.rules import AccountSpec, Holder, Leg
from tercet_marketing.loyalty import rules, store
from tercet_marketing.loyalty.model import LoyaltyProgramme, Membership, PointsEntry, PointsLot, PointsLotMove
from tercet_marketing.loyalty.rules import ZERO


def own_account(programme: LoyaltyProgramme, identity_id: UUID) -> AccountSpec:
    """Where an identity's points are."""
    return AccountSpec("POINTS", programme.code, Holder.identity(identity_id), programme.digits)


def owed_account(programme: LoyaltyProgramme, identity_id: UUID) -> AccountSpec:
    """What an identity owes the house: points that a refund took back after they were spent. Never above zero."""
    holder = Holder.house(f"owed:{identity_id}")
    return AccountSpec("POINTS", programme.code, holder, programme.digits, may_go_below=True)


def _account(tx: Tx, spec: AccountSpec) -> UUID:
    return ledgers.account_id(tx, spec.kind, spec.unit, spec.holder)


async def zone_of(tx: Tx, programme: LoyaltyProgramme, member: Membership | None = None) -> ZoneInfo:
    """The zone that days are counted in: the member's, else the programme's, else the tenant's."""
    name = (member.time_zone if member is not None else "") or programme.time_zone
    return ZoneInfo(name or (await tx.known.zone_and_currency(None))[0])


@dataclass(slots=True)
class Wallet:
    """The memberships of a party, what is left of what they got, and their accounts as they stand."""

    programme: LoyaltyProgramme
    members: dict[UUID, Membership]
    lots: list[PointsLot]
    balances: dict[UUID, Decimal]
    held: dict[UUID, Decimal]
    own: dict[UUID, UUID] = field(default_factory=dict)
    owes: dict[UUID, UUID] = field(default_factory=dict)

    def owed(self, member: Membership) -> Decimal:
        """What a membership owes, below zero; zero when it owes nothing."""
        return self.balances.get(self.owes[member.id], ZERO)

    def standing(self, now: datetime) -> rules.Standing:
        """What the party has now."""
        owed = sum((self.owed(member) for member in self.members.values()), ZERO)
        held = sum((self.held.get(id, ZERO) for id in self.own.values()), ZERO)
        return rules.standing(self.lots, owed, held, now)


async def open_wallets(tx: Tx, programme: LoyaltyProgramme, memberships: Sequence[Membership]) -> list[Wallet]:
    """The wallets of the memberships' parties, all held in one order; points whose time is over are gone from them."""
    everyone = await store.lock_parties(tx, programme.code, {one.party_id for one in memberships})
    own_ids = {one.id: _account(tx, own_account(programme, one.identity_id)) for one in everyone}
    owed_ids = {one.id: _account(tx, owed_account(programme, one.identity_id)) for one in everyone}
    accounts = await ledgers.lock_accounts(tx, [*own_ids.values(), *owed_ids.values()])
    lots = await store.open_lots(tx, store.ids_of(everyone))
    wallets: list[Wallet] = []
    for membership in memberships:
        members = {one.id: one for one in everyone if one.party_id == membership.party_id}
        if membership.id not in members:
            # The party moved while we waited: run again on what it is now.
            raise ChangedMeanwhile()
        wallet = Wallet(
            programme,
            members,
            [lot for lot in lots if lot.membership_id in members],
            {id: account.balance for id, account in accounts.items()},
            {id: account.held for id, account in accounts.items()},
            {id: own_ids[id] for id in members},
            {id: owed_ids[id] for id in members},
        )
        wallets.append(wallet)
    return wallets


@dataclass(frozen=True, slots=True)
class Piece:
    """Points with the time they last: into a new lot, or back into the one they were taken from."""

    amount: Decimal
    usable_time: datetime
    expire_time: datetime | None
    lot: PointsLot | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a booking is: its key, why, what for, and when."""

    key: str
    kind: str
    reason: str
    occur_time: datetime
    reference: str = ""
    note: str = ""


class Booking:
    """One change of points, put together and then written as a whole."""

    def __init__(self, tx: Tx, about: About) -> None:
        self.tx, self.about = tx, about
        self.entries: list[PointsEntry] = []
        self._legs: dict[UUID, Decimal] = defaultdict(lambda: ZERO)
        self._open: list[AccountSpec] = []
        self._programme: LoyaltyProgramme | None = None

    def take(self, wallet: Wallet, lots: Iterable[PointsLot], amount: Decimal, **more: Any) -> None:
        """Takes points from lots in their order, one entry a membership."""
        taken, _ = rules.take(lots, amount)
        by_member: dict[UUID, list[tuple[PointsLot, Decimal]]] = defaultdict(list)
        for lot, part in taken:
            by_member[lot.membership_id].append((lot, part))
        for id, own in sorted(by_member.items()):
            total = sum((part for _, part in own), ZERO)
            self.draw(wallet, self.enter(wallet, wallet.members[id], -total, **more), own)

    def draw(self, wallet: Wallet, entry: PointsEntry, taken: Sequence[tuple[PointsLot, Decimal]]) -> None:
        """Takes these parts of one membership's lots for an entry."""
        for lot, part in taken:
            self._move(wallet, wallet.own[entry.membership_id], -part)
            self._shift(lot, entry, -part)

    def give(self, wallet: Wallet, member: Membership, pieces: Sequence[Piece], **more: Any) -> PointsEntry:
        """Gives points to a membership: what it owes is paid first, from what would last longest."""
        total = sum((piece.amount for piece in pieces), ZERO)
        entry = self.enter(wallet, member, total, **more)
        repaid = min(total, -wallet.owed(member))
        if repaid > 0:
            self._move(wallet, wallet.owes[member.id], repaid)
        if total > repaid:
            self._move(wallet, wallet.own[member.id], total - repaid)
        for piece in sorted(pieces, key=lambda piece: piece.expire_time or rules.NEVER, reverse=True):
            cut = min(piece.amount, max(repaid, ZERO))
            repaid -= cut
            if piece.amount > cut:
                self._put(wallet, entry, piece, piece.amount - cut)
        return entry

    def owe(self, wallet: Wallet, member: Membership, amount: Decimal) -> None:
        """Lets a membership owe points."""
        self._open.append(owed_account(wallet.programme, member.identity_id))
        self._move(wallet, wallet.owes[member.id], -amount)

    def enter(self, wallet: Wallet, member: Membership, points: Decimal, **more: Any) -> PointsEntry:
        """The line of the statement."""
        about, user = self.about, self.tx.principal
        self._programme = wallet.programme
        member.points += points
        values: dict[str, Any] = {"kind": about.kind, "period_time": about.occur_time, **more}
        entry = PointsEntry(
            membership_id=member.id,
            programme_code=wallet.programme.code,
            points=points,
            balance_after=member.points,
            key=about.key,
            reason=about.reason,
            reference=about.reference,
            note=about.note,
            user_id=user.user_id if user.kind == "user" else None,
            occur_time=about.occur_time,
            **values,
        )
        self.entries.append(self.tx.add(entry))
        return entry

    async def write(self, counter: str | None) -> list[PointsEntry]:
        """Posts it against the house's account of that name; nothing is left over when it stays among members."""
        if self._programme is None:
            raise ValueError("a booking without an entry")
        code, digits = self._programme.code, self._programme.digits
        await ledgers.open_accounts(self.tx, self._open)
        legs = [Leg(id, amount) for id, amount in self._legs.items()]
        rest = -sum(self._legs.values(), ZERO)
        if counter is not None and rest:
            house = await ledgers.counter_account(self.tx, "POINTS", code, counter, digits=digits)
            legs.append(Leg(house.id, rest))
        about = self.about
        if legs:
            await ledgers.post(
                self.tx,
                f"points:{code}:{about.key}",
                legs,
                reason=about.kind,
                reference=about.reference,
                note=about.note,
                occur_time=about.occur_time,
            )
        await self.tx.flush()
        return self.entries

    def _move(self, wallet: Wallet, account_id: UUID, amount: Decimal) -> None:
        self._legs[account_id] += amount
        wallet.balances[account_id] = wallet.balances.get(account_id, ZERO) + amount

    def _put(self, wallet: Wallet, entry: PointsEntry, piece: Piece, amount: Decimal) -> None:
        if piece.lot is not None:
            self._shift(piece.lot, entry, amount)
            if piece.lot not in wallet.lots:
                wallet.lots.append(piece.lot)
            return
        # The statement is what is audited; lots and their moves are its inside.
        lot = {
            "membership_id": entry.membership_id,
            "entry_id": entry.id,
            "amount": amount,
            "left": amount,
            "usable_time": piece.usable_time,
            "expire_time": piece.expire_time,
            "occur_time": entry.occur_time,
        }
        self.tx.stage(PointsLot, [lot])

    def _shift(self, lot: PointsLot, entry: PointsEntry, amount: Decimal) -> None:
        lot.left += amount
        about = {"kind": entry.kind, "occur_time": entry.occur_time}
        self.tx.stage(PointsLotMove, [{"lot_id": lot.id, "entry_id": entry.id, "amount": amount, **about}])
