"""Where parties are in the live lifecycles, worked out for some parties at once. Every position changes here.

Conditions are those of segments, read and judged by the same machinery, asked of each profile of a party. Parties are
held first and read afterwards, so of two who judge the same one the later sees what the earlier could not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.lifecycle_service_pb2 import LifecycleChange as ChangeMessage
from tercet_chassis import Tx, derived_id, new_id
from tercet_chassis.showing import personal_paths
from tercet_conditions import ConditionError
from tercet_marketing.lifecycle import rules, store
from tercet_marketing.lifecycle.model import LifecyclePosition, stages_of
from tercet_marketing.lifecycle.rules import MANUAL, RULE, STAGE_REMOVED, Stage
from tercet_marketing.lifecycle.store import Live
from tercet_marketing.profiles.errors import PartyProfileNotFound
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.store import showing_otherwise
from tercet_marketing.segments.language import Judgement, Record, judgement
from tercet_marketing.segments.rules import asked_facts
from tercet_marketing.segments.store import custom_fields, of_parties, records
from tercet_marketing.segments.subjects import PROFILE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """A live lifecycle, ready to judge."""

    live: Live
    stages: tuple[Stage, ...]
    judgings: Mapping[str, Judgement]

    def at(self, now: datetime) -> None:
        """Puts its clock; whoever does so judges before anybody else runs."""
        for judging in self.judgings.values():
            judging.at(now)

    def fitting(self, stage: Stage, members: Sequence[Record]) -> Record | None:
        """The first of a party's profiles for which a stage's condition holds."""
        holds = self.judgings[stage.code].holds
        return next((record for record in members if holds(record)), None)

    def due(self, position: LifecyclePosition, members: Sequence[Record], now: datetime) -> datetime | None:
        """The next moment at which time alone may move the party."""
        held = rules.held_until(self.stages, position.place(), now)
        if held is not None:
            return held
        asked = rules.asked(self.stages, position.place(), lambda stage: self.fitting(stage, members) is not None)
        moments = [self.judgings[stage.code].due(record) for stage in asked for record in members]
        return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """A move by hand."""

    stage: Stage
    reason: str
    pin_end_time: datetime


async def judge(
    tx: Tx,
    parties: Iterable[UUID],
    *,
    codes: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
) -> int:
    """Judges parties by all live lifecycles, by those of `codes`, or by those that count facts of `kinds`; tells who
    comes to another stage, and gives how many do.
    """
    given = sorted(set(parties))
    asked = await machines(tx, codes, kinds) if given else []
    if not asked:
        return 0
    judging = await _begin(tx, given, asked)
    for machine in asked:
        machine.at(tx.now())
        for party_id, members in judging.members.items():
            judging.follow(machine, party_id, members)
    await judging.write()
    return len(judging.turned)


async def move(tx: Tx, live: Live, party_id: UUID, told: Told) -> LifecyclePosition:
    """Puts a party at a stage by hand and keeps it there; gives its position."""
    machine = await _machine(tx, live)
    judging = await _begin(tx, [party_id], [machine])
    machine.at(tx.now())
    members = judging.of(party_id)
    position = judging.lead(machine, party_id, members)
    judging.step(machine, position, told.stage, MANUAL, told.reason, told.pin_end_time)
    judging.settle(machine, position, members)
    await judging.write()
    return position


async def unpin(tx: Tx, live: Live, party_id: UUID) -> tuple[LifecyclePosition, bool]:
    """Ends a stay that was set by hand and has the rules decide; gives the position and whether there was such a
    stay.
    """
    machine = await _machine(tx, live)
    judging = await _begin(tx, [party_id], [machine])
    machine.at(tx.now())
    members = judging.of(party_id)
    position = judging.lead(machine, party_id, members)
    pinned = position.pin_end_time is not None and position.pin_end_time > tx.now()
    position.pin_end_time = None
    judging.follow(machine, party_id, members)
    await judging.write()
    return position, pinned


async def standing(tx: Tx, live: Live, party_id: UUID) -> tuple[Machine, LifecyclePosition | None, list[Record]]:
    """A party as one lifecycle sees it now, to be explained; nothing is held or written."""
    machine = await _machine(tx, live)
    members = await _members(tx, [party_id], [machine])
    known = await store.positions(tx, [party_id], [record.identity_id for record in members])
    mine = [one for one in known if one.lifecycle_id == live.id]
    machine.at(tx.now())
    return machine, rules.leading(machine.stages, mine), members


async def machines(tx: Tx, codes: Collection[str] | None = None, kinds: Collection[str] | None = None) -> list[Machine]:
    """The live lifecycles that can be judged, those of `codes`, or those that count facts of `kinds`."""
    wanted = [
        live
        for live in await store.live(tx)
        if (codes is None or live.code in codes) and (kinds is None or _counts(live, kinds))
    ]
    # Of one that cannot be read everybody stays where they are, the others go on.
    return [machine for live in wanted if not isinstance(machine := await _read(tx, live), str)]


async def faults(tx: Tx) -> list[tuple[Live, str]]:
    """The live lifecycles, each with why nobody can be judged by it; empty when everybody can."""
    read = [(live, await _read(tx, live)) for live in await store.live(tx)]
    return [(live, machine if isinstance(machine, str) else "") for live, machine in read]


async def _read(tx: Tx, live: Live) -> Machine | str:
    try:
        return await _machine(tx, live)
    except ConditionError as wrong:
        # It asks what was there when it was saved and is no more.
        log.warning("lifecycle.condition_broken", lifecycle=live.code, cause=str(wrong))
        return str(wrong)


def _counts(live: Live, kinds: Collection[str]) -> bool:
    return bool(asked_facts(live.reads).intersection(kinds))


async def _machine(tx: Tx, live: Live) -> Machine:
    own = await custom_fields(tx, PROFILE)
    judgings = {one["code"]: judgement(PROFILE, one.get("condition") or {}, live.time_zone, own) for one in live.stages}
    return Machine(live, stages_of(live.stages), judgings)


async def _members(tx: Tx, parties: Sequence[UUID], asked: Sequence[Machine]) -> list[Record]:
    facts = sorted({kind for machine in asked for kind in asked_facts(machine.live.reads)})
    found = await records(tx, PROFILE, await of_parties(tx, PROFILE, parties), facts)
    return sorted(found, key=lambda record: (record.create_time, record.id))


async def _begin(tx: Tx, parties: Sequence[UUID], asked: Sequence[Machine]) -> _Judging:
    await tx.hold("lifecycle", parties)
    members = await _members(tx, parties, asked)
    known = await store.positions(tx, parties, [record.identity_id for record in members])
    return _Judging(tx, members, known, await personal_paths(tx, Profile))


class _Judging:
    """What is known of some parties, and what is to be written of them."""

    def __init__(
        self, tx: Tx, members: Sequence[Record], known: Sequence[LifecyclePosition], personal: frozenset[str]
    ) -> None:
        self.tx, self.personal = tx, personal
        self.members: dict[UUID, list[Record]] = defaultdict(list)
        for record in members:
            self.members[record.party_id].append(record)
        newest = {record.identity_id: record.party_id for record in members}
        self._before = {one.id: dict(vars(one)) for one in known}
        self._known: dict[tuple[UUID, UUID], list[LifecyclePosition]] = defaultdict(list)
        for one in known:
            # A position that was begun while its party moved follows here.
            one.party_id = newest.get(one.identity_id, one.party_id)
            self._known[one.lifecycle_id, one.party_id].append(one)
        self._fresh: list[LifecyclePosition] = []
        self._changes: list[dict[str, Any]] = []
        self.turned: dict[UUID, tuple[Machine, LifecyclePosition, str]] = {}
        self._shown: dict[UUID, str] = {}

    def of(self, party_id: UUID) -> list[Record]:
        """A party's profiles. Refuses one that nothing is known of, or no more since it was merged."""
        if party_id not in self.members:
            raise PartyProfileNotFound(party_id=party_id)
        return self.members[party_id]

    def lead(self, machine: Machine, party_id: UUID, members: Sequence[Record]) -> LifecyclePosition:
        """The position that counts for a party, made when there is none; the others rest."""
        mine = self._known[machine.live.id, party_id]
        found = rules.leading(machine.stages, mine)
        if found is None:
            anchor, now = members[0], self.tx.now()
            found = store.Standing(
                id=derived_id("lifecycle_position", machine.live.id, anchor.identity_id),
                identity_id=anchor.identity_id, party_id=party_id, lifecycle_id=machine.live.id,
                lifecycle_code=machine.live.code, stage_code="", change_count=0, resting=False,
                create_time=now, update_time=now, row_version=1,
            )  # fmt: skip
            mine.append(found)
            self._fresh.append(found)
        for one in mine:
            one.resting = one is not found
            if one.resting:
                one.due_time = None
        return found

    def follow(self, machine: Machine, party_id: UUID, members: Sequence[Record]) -> None:
        """Has a party go where the rules say."""
        position, now = self.lead(machine, party_id, members), self.tx.now()
        place = position.place()
        for stage in rules.way(machine.stages, place, lambda one: machine.fitting(one, members) is not None, now):
            self.step(machine, position, stage, RULE, self._because(machine, stage, members))
        if position.stage_code and rules.stage_of(machine.stages, position.stage_code) is None:
            self.step(machine, position, None, STAGE_REMOVED, "the lifecycle has no such stage any more")
        self.settle(machine, position, members)

    def step(
        self,
        machine: Machine,
        position: LifecyclePosition,
        stage: Stage | None,
        cause: str,
        reason: str,
        pin_end_time: datetime | None = None,
    ) -> None:
        """One step, kept for ever. A stay that is set by hand where they are already is a step as well."""
        left, now = position.stage_code, self.tx.now()
        if stage is None or stage.code != left:
            self.turned.setdefault(position.id, (machine, position, left))
        position.go(stage, now, pin_end_time)
        self._changes.append(
            {
                "id": new_id(), "identity_id": position.identity_id, "party_id": position.party_id,
                "position_id": position.id, "lifecycle_code": machine.live.code, "version": machine.live.version,
                "from_stage_code": left, "to_stage_code": position.stage_code, "cause": cause, "reason": reason,
                "user_id": self.tx.principal.user_id if cause == MANUAL else None, "change_time": now,
            }
        )  # fmt: skip

    def settle(self, machine: Machine, position: LifecyclePosition, members: Sequence[Record]) -> None:
        """Notes when time may move them next, and what profiles show."""
        position.due_time = machine.due(position, members, self.tx.now())
        if machine.live.shown_on_profiles:
            self._shown[position.party_id] = position.stage_code

    def _because(self, machine: Machine, stage: Stage, members: Sequence[Record]) -> str:
        record = machine.fitting(stage, members)
        return "" if record is None else machine.judgings[stage.code].explained(record).told(self.personal)

    async def write(self) -> None:
        """Writes what differs and tells who came to another stage."""
        moved = [
            one for rows in self._known.values() for one in rows if vars(one) != self._before.get(one.id, vars(one))
        ]
        # Who belongs nowhere, now and later, needs no row that says so.
        fresh = [one for one in self._fresh if one.stage_code or one.due_time is not None]
        await store.write(self.tx, fresh, moved, self._changes)
        last = {change["position_id"]: change for change in self._changes}
        for machine, position, left in self.turned.values():
            change = last[position.id]
            self.tx.emit(
                events.LifecycleStageChanged,
                position,
                from_stage_code=left,
                cause=ChangeMessage.Cause.Value(change["cause"]),
                reason=change["reason"],
                initial=change["cause"] == RULE and self._initial(machine, position),
            )
        for profile in await showing_otherwise(self.tx, self._shown) if self._shown else ():
            if profile.take_stage(self._shown[profile.party_id]):
                self.tx.emit(events.ProfileUpdated, profile)

    def _initial(self, machine: Machine, position: LifecyclePosition) -> bool:
        """Whether they belonged there before: the lifecycle is being built, and is younger than they are."""
        live = machine.live
        since = min(record.create_time for record in self.members[position.party_id])
        return live.built_version < live.version and since <= live.update_time
