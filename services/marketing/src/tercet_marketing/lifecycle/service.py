"""Lifecycles are written, made live, explained and listed; people move parties by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import lifecycle_service_pb2 as pb
from tercet_chassis import Handlers, Process, Tx, invariant
from tercet_chassis.entity import view
from tercet_chassis.invariants import finding
from tercet_chassis.showing import hidden_paths
from tercet_conditions import ConditionError
from tercet_marketing.lifecycle import checking, rules, store
from tercet_marketing.lifecycle.errors import LifecycleNotPinned
from tercet_marketing.lifecycle.jobs import PIECE, begin_building, build_piece, show_none
from tercet_marketing.lifecycle.judge import Told, faults, move, standing, unpin
from tercet_marketing.lifecycle.model import LIVE, Lifecycle, LifecyclePosition
from tercet_marketing.lifecycle.rules import Place
from tercet_marketing.lifecycle.store import Live
from tercet_marketing.profiles.errors import PartyProfileNotFound
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments.errors import SegmentConditionInvalid
from tercet_marketing.segments.store import total
from tercet_marketing.segments.subjects import PROFILE

Finding = CheckInvariantsResponse.Finding
UNSEEN = "because of a profile that you may not see"


class LifecycleService(Handlers):
    """Serves tercet.marketing.v1.LifecycleService."""

    async def CreateLifecycle(self, request: pb.CreateLifecycleRequest, tx: Tx) -> Lifecycle:
        """Creates a draft. Refuses stages that cannot be judged."""
        lifecycle = await tx.create(Lifecycle, request.lifecycle)
        await checking.settle(tx, lifecycle)
        tx.emit(events.LifecycleCreated, lifecycle)
        return lifecycle

    async def UpdateLifecycle(self, request: pb.UpdateLifecycleRequest, tx: Tx) -> Lifecycle:
        """Changes a lifecycle; other stages are the next version, by which a live one is built."""
        sent = request.lifecycle
        lifecycle = await tx.get(Lifecycle, sent.id, etag=sent.etag, lock=True)
        lifecycle.check_open()
        before = (list(lifecycle.stages), lifecycle.time_zone, lifecycle.shown_on_profiles)
        await tx.patch(lifecycle, sent, request.update_mask if request.HasField("update_mask") else None)
        if (lifecycle.stages, lifecycle.time_zone) != before[:2]:
            await checking.settle(tx, lifecycle, before[0])
            lifecycle.fault = ""
        await checking.check_shown(tx, lifecycle)
        if (lifecycle.stages, lifecycle.time_zone, lifecycle.shown_on_profiles) != before:
            lifecycle.version += 1
            _follow(tx, lifecycle, was_shown=before[2])
        tx.emit(events.LifecycleUpdated, lifecycle)
        return lifecycle

    async def ActivateLifecycle(self, request: pb.ActivateLifecycleRequest, tx: Tx) -> Lifecycle:
        """Makes a draft live and has everybody judged."""
        lifecycle = await tx.get(Lifecycle, request.id, etag=request.etag, lock=True)
        lifecycle.activate()
        await checking.check_shown(tx, lifecycle)
        _follow(tx, lifecycle)
        tx.emit(events.LifecycleActivated, lifecycle)
        return lifecycle

    async def ArchiveLifecycle(self, request: pb.ArchiveLifecycleRequest, tx: Tx) -> Lifecycle:
        """Ends a lifecycle. Positions and changes stay to be read."""
        lifecycle = await tx.get(Lifecycle, request.id, etag=request.etag, lock=True)
        lifecycle.archive()
        _follow(tx, lifecycle, was_shown=lifecycle.shown_on_profiles)
        tx.emit(events.LifecycleArchived, lifecycle)
        return lifecycle

    async def RebuildLifecycle(
        self, request: pb.RebuildLifecycleRequest, process: Process
    ) -> pb.RebuildLifecycleResponse:
        """Judges everybody anew, piece by piece; may be cancelled between two."""
        total = int(await process.step("count", _total, request.id))
        answer, last, number = pb.RebuildLifecycleResponse(), "", 0
        while True:
            piece = await process.step(f"piece:{number}", _piece, request.id, last)
            last, number = piece["last"], number + 1
            answer.judged_count += piece["judged"]
            answer.moved_count += piece["moved"]
            await process.progress(min(number * PIECE, total), total, f"{answer.judged_count} judged")
            if not last:
                break
        await process.step("built", _built, request.id)
        return answer

    async def MoveParty(self, request: pb.MovePartyRequest, tx: Tx) -> LifecyclePosition:
        """Puts a party at a stage for some days. Refuses whom the caller may not move."""
        lifecycle, live = await _live(tx, request.id)
        stage = lifecycle.stage(request.stage_code)
        party_id, _ = await _reached(tx, request.party_id, "marketing.lifecycle.move")
        told = Told(stage, request.reason, tx.now() + timedelta(days=request.pin_days))
        return await move(tx, live, party_id, told)

    async def UnpinParty(self, request: pb.UnpinPartyRequest, tx: Tx) -> LifecyclePosition:
        """Has the rules decide again. Refuses when they do."""
        _, live = await _live(tx, request.id)
        party_id, _ = await _reached(tx, request.party_id, "marketing.lifecycle.move")
        position, pinned = await unpin(tx, live, party_id)
        if not pinned:
            raise LifecycleNotPinned(party_id=party_id)
        return position

    async def ExplainLifecycle(self, request: pb.ExplainLifecycleRequest, tx: Tx) -> pb.LifecycleExplanation:
        """Tells where a party is and why, stage by stage. Refuses whom the caller may not see."""
        _, live = await _live(tx, request.id)
        party_id, seen = await _reached(tx, request.party_id, "marketing.lifecycle.read")
        try:
            machine, position, members = await standing(tx, live, party_id)
        except ConditionError as wrong:
            raise SegmentConditionInvalid(detail=str(wrong)) from wrong
        hidden, now = await hidden_paths(tx, Profile), tx.now()
        answer, place = pb.LifecycleExplanation(), Place() if position is None else position.place()
        if position is not None:
            shown: Any = tx.render(position)
            answer.position.CopyFrom(shown)
        fits = {stage.code: machine.fitting(stage, members) for stage in machine.stages}
        way = rules.way(machine.stages, place, lambda stage: fits[stage.code] is not None, now)
        answer.chosen_stage_code = way[-1].code if way else place.stage_code
        held = rules.held_until(machine.stages, place, now)
        if held is not None:
            answer.held_until_time.FromDatetime(held)
        open_to = {stage.code for stage in rules.reachable(machine.stages, place)}
        for stage in machine.stages:
            fitting = fits[stage.code]
            # Values are told of profiles that the caller may see; whether a stage fits goes by all of them.
            told = next((one for one in members if one.id in seen and (fitting is None or one is fitting)), None)
            because = UNSEEN if told is None else machine.judgings[stage.code].explained(told).told(hidden)
            answer.stages.add(
                stage_code=stage.code, holds=fitting is not None, reachable=stage.code in open_to, because=because
            )
        return answer

    async def ListLifecyclePositions(self, request: pb.ListLifecyclePositionsRequest, tx: Tx) -> Message:
        """Lists who is where; positions that rest in a merged party are not told."""
        where = [view(LifecyclePosition).c.resting.is_(False)]
        return await tx.page(LifecyclePosition, request, response=pb.ListLifecyclePositionsResponse, where=where)


async def _live(tx: Tx, id: str) -> tuple[Lifecycle, Live]:
    lifecycle = await tx.get(Lifecycle, id)
    lifecycle.check_live()
    return lifecycle, next(live for live in await store.live(tx) if live.id == lifecycle.id)


async def _reached(tx: Tx, party_id: str, permission: str) -> tuple[UUID, set[UUID]]:
    seen = await store.within_reach(tx, UUID(party_id), permission)
    if not seen:
        raise PartyProfileNotFound(party_id=party_id)
    return UUID(party_id), seen


def _follow(tx: Tx, lifecycle: Lifecycle, *, was_shown: bool = False) -> None:
    """Has everybody judged by what a lifecycle says now, and profiles show no stage of one that is not shown."""
    if lifecycle.state == LIVE:
        begin_building(tx, lifecycle)
    if was_shown and not (lifecycle.state == LIVE and lifecycle.shown_on_profiles):
        # Again a while later: somebody may have been judged by it in the moment it ended.
        for name, due in (("now", tx.now()), ("again", tx.now() + timedelta(minutes=1))):
            tx.schedule(show_none, due=due, key=f"lifecycle:show_none:{name}")


async def _total(tx: Tx, id: str) -> int:
    lifecycle = await tx.get(Lifecycle, id)
    lifecycle.check_live()
    fault = next((fault for live, fault in await faults(tx) if live.id == lifecycle.id), "")
    if fault:
        raise SegmentConditionInvalid(detail=fault)
    return await total(tx, PROFILE)


async def _piece(tx: Tx, id: str, last: str) -> dict[str, Any]:
    following, judged, moved = await build_piece(tx, await tx.get(Lifecycle, id), last)
    return {"last": following, "judged": judged, "moved": moved}


async def _built(tx: Tx, id: str) -> None:
    lifecycle = await tx.get(Lifecycle, id, lock=True)
    lifecycle.built(lifecycle.version, tx.now())


@invariant
async def each_can_be_judged(tx: Tx) -> Finding:
    """No live lifecycle asks what there is no more."""
    known = await faults(tx)
    broken = [f"{live.code}: {fault}" for live, fault in known if fault]
    return finding("lifecycle.each_can_be_judged", len(known), broken)
