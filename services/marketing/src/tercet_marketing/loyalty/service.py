"""Programmes are checked before they are kept; points are booked once by key; balances are asked as of any moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import loyalty_programme_service_pb2 as programmes
from tercet.marketing.v1 import membership_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.ids import new_id
from tercet_chassis.invariants import finding
from tercet_marketing.loyalty import points, rules, standing, store
from tercet_marketing.loyalty.errors import (
    LoyaltyProgrammeInactive,
    LoyaltyProgrammeInUse,
    PointsEntryUnknown,
    TimeZoneUnknown,
)
from tercet_marketing.loyalty.model import LoyaltyProgramme, Membership, PointsEntry
from tercet_marketing.loyalty.rules import ZERO
from tercet_marketing.loyalty.tiers import TierRule
from tercet_marketing.profiles.store import party_of

Finding = CheckInvariantsResponse.Finding
_SOON = 12
_SAMPLE = 1000


class LoyaltyProgrammeService(Handlers):
    """Serves tercet.marketing.v1.LoyaltyProgrammeService."""

    async def CreateLoyaltyProgramme(
        self, request: programmes.CreateLoyaltyProgrammeRequest, tx: Tx
    ) -> LoyaltyProgramme:
        """Starts a programme. Refuses rules that cannot be used."""
        programme = await tx.create(LoyaltyProgramme, request.loyalty_programme)
        _defaults(programme, tx.now())
        programme.check()
        tx.emit(events.LoyaltyProgrammeCreated, programme)
        return programme

    async def UpdateLoyaltyProgramme(
        self, request: programmes.UpdateLoyaltyProgrammeRequest, tx: Tx
    ) -> LoyaltyProgramme:
        """Changes a programme. Refuses rules that cannot be used; members' tiers follow another rule within minutes."""
        given = request.loyalty_programme
        programme = await tx.get(LoyaltyProgramme, given.id, etag=given.etag, lock=True)
        before = (programme.tier_rule, programme.time_zone, programme.currency_code)
        await tx.patch(programme, given, request.update_mask if request.HasField("update_mask") else None)
        _defaults(programme, tx.now())
        programme.check()
        if (programme.tier_rule, programme.time_zone, programme.currency_code) != before:
            await store.review_all(tx, programme.code)
        tx.emit(events.LoyaltyProgrammeUpdated, programme)
        return programme

    async def DeleteLoyaltyProgramme(self, request: programmes.DeleteLoyaltyProgrammeRequest, tx: Tx) -> Empty:
        """Deletes a programme. Refuses one with members."""
        programme = await tx.get(LoyaltyProgramme, request.id, etag=request.etag, lock=True)
        if await store.has_members(tx, programme.code):
            raise LoyaltyProgrammeInUse(code=programme.code)
        tx.emit(events.LoyaltyProgrammeDeleted, programme)
        await tx.delete(programme)
        return Empty()

    async def PreviewTierRule(
        self, request: programmes.PreviewTierRuleRequest, tx: Tx
    ) -> programmes.PreviewTierRuleResponse:
        """How members would stand under another rule. Refuses a rule that cannot be used."""
        programme = await tx.get(LoyaltyProgramme, request.id)
        value = json_format.MessageToDict(request.tier_rule, preserving_proto_field_name=True)
        trial = LoyaltyProgramme(
            code=programme.code, currency_code=programme.currency_code, time_zone="", earn_rules=[], tier_rule=value
        )
        trial.check()
        rule = TierRule.of(value, (await standing.rule_of(tx, programme)).zone)
        parties = await store.some_parties(tx, request.sample_size or _SAMPLE, programme.code)
        states = await standing.tiers_of(tx, programme, parties, rule, tx.now())
        moves = Counter((members[0].tier_code, state.code) for members, state in zip(parties, states, strict=True))
        response = programmes.PreviewTierRuleResponse(party_count=len(parties))
        for (before, after), count in sorted(moves.items()):
            response.moves.add(from_tier_code=before, to_tier_code=after, party_count=count)
        return response


class MembershipService(Handlers):
    """Serves tercet.marketing.v1.MembershipService."""

    async def CreateMembership(self, request: pb.CreateMembershipRequest, tx: Tx) -> Membership:
        """Makes somebody a member. Refuses one who is, and anybody outside the caller's reach."""
        given = request.membership
        programme = await store.programme_of(tx, given.programme_code)
        if not programme.active:
            raise LoyaltyProgrammeInactive(programme_code=programme.code)
        _check_zone(given.time_zone)
        party_id = await party_of(tx, UUID(given.identity_id))
        member = await tx.create(Membership, given)
        member.party_id = member.party_id or party_id
        member.join_time = member.join_time or tx.now()
        member.points, member.tier_code = ZERO, ""
        await points.welcome(tx, programme, member)
        # The new row is in the caller's reach only when whoever it is about is.
        return await tx.get(Membership, member.id)

    async def UpdateMembership(self, request: pb.UpdateMembershipRequest, tx: Tx) -> Membership:
        """Changes a member's zone and own fields. Refuses what is no time zone."""
        given = request.membership
        member = await tx.get(Membership, given.id, etag=given.etag, lock=True)
        await tx.patch(member, given, request.update_mask if request.HasField("update_mask") else None)
        _check_zone(member.time_zone)
        tx.emit(events.MembershipUpdated, member)
        return member

    async def GetPointsBalance(self, request: pb.GetPointsBalanceRequest, tx: Tx) -> pb.PointsBalance:
        """A party's points and tier, now or as they were."""
        member = await tx.get(Membership, request.id)
        moment = request.as_of_time.ToDatetime(tzinfo=UTC) if request.HasField("as_of_time") else None
        return await _balance(tx, await store.programme_of(tx, member.programme_code), member, moment)

    async def ListPointsEntries(self, request: pb.ListPointsEntriesRequest, tx: Tx) -> pb.ListPointsEntriesResponse:
        """The statement of a party's points. Refuses when neither a membership nor a party is named."""
        if request.party_id:
            memberships = await store.visible_memberships(tx, UUID(request.party_id))
        else:
            member = await tx.get(Membership, request.membership_id)
            party = [member]
            if not request.own_only:
                party = await store.party_members(tx, member.programme_code, member.party_id)
            memberships = store.ids_of(party)
        page: pb.ListPointsEntriesResponse = await store.entries_page(
            tx, memberships, request, pb.ListPointsEntriesResponse
        )
        return page

    async def EarnPoints(self, request: pb.EarnPointsRequest, tx: Tx) -> pb.BookPointsResponse:
        """Gives points. Refuses in a programme that is not active."""
        member, programme = await _member(tx, request.id)
        if not programme.active:
            raise LoyaltyProgrammeInactive(programme_code=programme.code)
        entry = await points.earn(
            tx,
            programme,
            member,
            programme.points(request.points),
            key=_key(request.key),
            reason=request.reason,
            reference=request.reference,
            note=request.note,
            counts_for_tiers=not request.without_tier,
        )
        return await _booked(tx, programme, member, [entry])

    async def BurnPoints(self, request: pb.BurnPointsRequest, tx: Tx) -> pb.BookPointsResponse:
        """Takes points. Refuses more than can be used."""
        member, programme = await _member(tx, request.id)
        entries = await points.burn(
            tx,
            programme,
            member,
            programme.points(request.points),
            key=_key(request.key),
            reason=request.reason,
            reference=request.reference,
            note=request.note,
        )
        return await _booked(tx, programme, member, entries)

    async def AdjustPoints(self, request: pb.AdjustPointsRequest, tx: Tx) -> pb.BookPointsResponse:
        """Puts points right by hand."""
        member, programme = await _member(tx, request.id)
        sign = -1 if request.points.startswith("-") else 1
        amount = sign * programme.points(request.points.removeprefix("-"))
        entries = await points.adjust(tx, programme, member, amount, key=_key(request.key), note=request.note)
        return await _booked(tx, programme, member, entries)

    async def TransferPoints(self, request: pb.TransferPointsRequest, tx: Tx) -> pb.BookPointsResponse:
        """Gives points to somebody else, who must be in the caller's reach as well."""
        member, programme = await _member(tx, request.id)
        target = await tx.get(Membership, request.to_membership_id)
        amount = programme.points(request.points)
        entries = await points.transfer(tx, programme, member, target, amount, key=_key(request.key), note=request.note)
        return await _booked(tx, programme, member, entries)

    async def ReversePoints(self, request: pb.ReversePointsRequest, tx: Tx) -> pb.BookPointsResponse:
        """Takes back what was earned, gives back what was burned."""
        member, programme = await _member(tx, request.id)
        entry = await store.entry_of(tx, member.id, UUID(request.entry_id))
        if entry is None:
            raise PointsEntryUnknown(key=request.entry_id)
        entries = await points.reverse(
            tx,
            programme,
            _key(request.key),
            entry.key,
            points=programme.points(request.points) if request.points else None,
            reason="BY_HAND",
            note=request.note,
        )
        return await _booked(tx, programme, member, entries)


@invariant
async def points_are_the_ledger(tx: Tx) -> Finding:
    """A membership's figure is the sum of its entries, its lots and what the ledger holds for it."""
    count, wrong = await store.unlike_ledger(tx)
    return finding("loyalty.points_are_the_ledger", count, wrong)


@invariant
async def tiers_are_replayed(tx: Tx) -> Finding:
    """The tier on a membership is what a replay of the facts gives; of the latest members, as it takes a while."""
    wrong: list[str] = []
    by_programme: dict[str, list[list[Membership]]] = defaultdict(list)
    for members in await store.some_parties(tx, _SAMPLE):
        # A review that is due has not had its turn yet.
        if not any(one.review_time is not None and one.review_time <= tx.now() for one in members):
            by_programme[members[0].programme_code].append(members)
    for code, parties in by_programme.items():
        programme = await store.programme_of(tx, code)
        states = await standing.tiers_of(tx, programme, parties, await standing.rule_of(tx, programme), tx.now())
        for members, state in zip(parties, states, strict=True):
            wrong += [str(one.id) for one in members if one.tier_code != state.code]
    return finding("loyalty.tiers_are_replayed", sum(len(parties) for parties in by_programme.values()), wrong)


def _defaults(programme: LoyaltyProgramme, now: datetime) -> None:
    programme.start_time = programme.start_time or now
    programme.active = programme.active is not False
    if programme.enrolment in (None, "ENROLMENT_UNSPECIFIED"):
        programme.enrolment = "AUTOMATIC"
    if programme.debt_rule in (None, "DEBT_RULE_UNSPECIFIED"):
        programme.debt_rule = "OWE"


def _check_zone(name: str) -> None:
    if name and not rules.is_zone(name):
        raise TimeZoneUnknown(time_zone=name)


def _key(given: str) -> str:
    # Without a key of the caller's, a repeated request is answered by its request id.
    return f"api:{given or new_id()}"


async def _member(tx: Tx, id: str) -> tuple[Membership, LoyaltyProgramme]:
    member = await tx.get(Membership, id)
    return member, await store.programme_of(tx, member.programme_code)


async def _booked(
    tx: Tx, programme: LoyaltyProgramme, member: Membership, entries: Sequence[PointsEntry]
) -> pb.BookPointsResponse:
    await tx.flush()
    response = pb.BookPointsResponse(balance=await _balance(tx, programme, member, None))
    for entry in entries:
        response.points_entries.add().CopyFrom(tx.render(entry))  # type: ignore[arg-type]
    return response


async def _balance(
    tx: Tx, programme: LoyaltyProgramme, member: Membership, moment: datetime | None
) -> pb.PointsBalance:
    members = await store.party_members(tx, programme.code, member.party_id)
    at = moment or tx.now()
    has, lots = await points.standing_of(tx, programme, members, at)
    held = ZERO if moment is not None else has.held
    has = rules.Standing(has.usable, has.pending, has.owed, held)
    state = await standing.tier_of(tx, programme, members, await standing.rule_of(tx, programme), at)

    def text(amount: Decimal) -> str:
        return f"{amount:.{programme.digits}f}"

    answer = pb.PointsBalance(
        programme_code=programme.code,
        party_id=str(member.party_id),
        balance=text(has.balance),
        available=text(has.available),
        pending=text(has.pending),
        held=text(has.held),
        owed=text(-has.owed),
        tier_code=state.code,
        tier_figure=f"{state.figure:f}",
        membership_ids=[str(one.id) for one in members],
    )
    answer.as_of_time.FromDatetime(at)
    if state.since is not None:
        answer.tier_time.FromDatetime(state.since)
    for expire, amount in _expiring(lots, at):
        answer.expiring.add(points=text(amount)).expire_time.FromDatetime(expire)
    return answer


def _expiring(lots: Sequence[Any], now: datetime) -> list[tuple[datetime, Decimal]]:
    sums: dict[datetime, Decimal] = defaultdict(lambda: ZERO)
    for lot in lots:
        if lot.left > 0 and lot.expire_time is not None and lot.expire_time > now:
            sums[lot.expire_time] += lot.left
    return sorted(sums.items())[:_SOON]
