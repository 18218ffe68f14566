"""Strategies from the draft to their end, and why they do what they do."""

from __future__ import annotations

from datetime import UTC

from google.protobuf.empty_pb2 import Empty

from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet_chassis import Handlers, Tx, new_id
from tercet_marketing.actions import store as actions
from tercet_marketing.actions.checking import check
from tercet_marketing.lifecycle import store as lifecycles
from tercet_marketing.lifecycle.model import ARCHIVED
from tercet_marketing.policies import store as policies
from tercet_marketing.profiles.model import Profile
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import standings
from tercet_marketing.strategies.errors import (
    ActionNotFound,
    LifecycleNotFound,
    SegmentNotFound,
    StrategyNotFound,
)
from tercet_marketing.strategies.model import Strategy, StrategyDecision, StrategyVersion
from tercet_marketing.strategies.occasions import HEARD
from tercet_marketing.strategies.rules import decide
from tercet_marketing.strategies.wishes import wish_of


class StrategyService(Handlers):
    """Serves tercet.marketing.v1.StrategyService."""

    async def CreateStrategy(self, request: pb.CreateStrategyRequest, tx: Tx) -> Strategy:
        """Makes a draft. Refuses what could never run."""
        strategy = await tx.create(Strategy, request.strategy)
        strategy.purpose = strategy.purpose if request.strategy.purpose else "MARKETING"
        await _check(strategy, tx)
        tx.emit(events.StrategyCreated, strategy)
        return strategy

    async def UpdateStrategy(self, request: pb.UpdateStrategyRequest, tx: Tx) -> Strategy:
        """Changes a strategy, which is a draft from then on. Refused while it runs and once it has ended."""
        strategy = await tx.get(Strategy, request.strategy.id, etag=request.strategy.etag, lock=True)
        strategy.rewrite()
        await tx.patch(strategy, request.strategy, request.update_mask if request.HasField("update_mask") else None)
        await _check(strategy, tx)
        tx.emit(events.StrategyUpdated, strategy)
        return strategy

    async def DeleteStrategy(self, request: pb.DeleteStrategyRequest, tx: Tx) -> Empty:
        """Removes a draft that was never approved."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        strategy.removable()
        await tx.delete(strategy)
        tx.emit(events.StrategyDeleted, strategy)
        return Empty()

    async def ApproveStrategy(self, request: pb.ApproveStrategyRequest, tx: Tx) -> Strategy:
        """What the draft says, its action as it is now among it, is the next version."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        strategy.approve(tx.principal.user_id, tx.now())
        content = await _content(strategy, tx)
        tx.add(StrategyVersion(strategy_code=strategy.code, version=strategy.version, content=content))
        tx.emit(events.StrategyApproved, strategy)
        return strategy

    async def StartStrategy(self, request: pb.StartStrategyRequest, tx: Tx) -> Strategy:
        """Has the approved version run."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        strategy.start(tx.now())
        tx.emit(events.StrategyStarted, strategy)
        return strategy

    async def PauseStrategy(self, request: pb.PauseStrategyRequest, tx: Tx) -> Strategy:
        """Has it want nobody until it is started again."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        strategy.pause()
        tx.emit(events.StrategyPaused, strategy)
        return strategy

    async def EndStrategy(self, request: pb.EndStrategyRequest, tx: Tx) -> Strategy:
        """Ends it for good."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        strategy.end(tx.now())
        tx.emit(events.StrategyEnded, strategy)
        return strategy

    async def ExplainStrategies(self, request: pb.ExplainStrategiesRequest, tx: Tx) -> pb.ExplainStrategiesResponse:
        """What would become of strategies for one customer; of named ones as they are written now."""
        profile = await tx.get(Profile, request.profile_id)
        now = request.at_time.ToDatetime(tzinfo=UTC) if request.HasField("at_time") else tx.now()
        if request.strategy_codes:
            found = {one.code: one for one in await store.by_codes(tx, request.strategy_codes)}
            missing = next((code for code in request.strategy_codes if code not in found), None)
            if missing is not None:
                raise StrategyNotFound(code=missing)
            contents = {one.code: await _content(one, tx) for one in found.values()}
            versions = {one.code: one.version for one in found.values()}
        else:
            versions = {one.code: one.version for one in await store.running(tx)}
            contents = {code: said for (code, _), said in (await store.contents(tx, versions.items())).items()}
        wishes = [wish_of(code, "explain", content) for code, content in contents.items()]
        (standing,) = (await standings(tx, [profile], wishes, now)).values()
        answer = pb.ExplainStrategiesResponse()
        for decision in decide(standing, wishes, now):
            code = decision.wish.strategy_code
            row = StrategyDecision(
                id=new_id(), create_time=now, strategy_code=code, version=versions[code], occasion="explain",
                identity_id=profile.identity_id, party_id=profile.party_id, unit_id=profile.unit_id,
                owner_id=profile.owner_id, partner_party_id=profile.partner_party_id,
            )  # fmt: skip
            row.take(decision, now)
            answer.decisions.append(tx.render(row))  # type: ignore[arg-type]
        return answer


async def _check(strategy: Strategy, tx: Tx) -> None:
    strategy.check(HEARD)
    named = {code for code in (strategy.segment_code, *strategy.excluded_segment_codes) if code}
    missing = sorted(named - await store.open_segments(tx, named)) if named else []
    if missing:
        raise SegmentNotFound(code=missing[0])
    if strategy.lifecycle_code:
        lifecycle = await lifecycles.by_code(tx, strategy.lifecycle_code)
        if lifecycle is None or lifecycle.state == ARCHIVED:
            raise LifecycleNotFound(code=strategy.lifecycle_code)
        if strategy.stage_code:
            lifecycle.stage(strategy.stage_code)
    if await actions.by_code(tx, strategy.action_code) is None:
        raise ActionNotFound(code=strategy.action_code)


async def _content(strategy: Strategy, tx: Tx) -> dict[str, object]:
    action = await actions.by_code(tx, strategy.action_code, lock=True)
    if action is None:
        raise ActionNotFound(code=strategy.action_code)
    await check(action, tx)
    version = (await policies.in_force(tx, action.policy_code)).version if action.policy_code else 0
    return strategy.content(action.content() | {"policy_version": version})
