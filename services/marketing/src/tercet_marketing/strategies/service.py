"""Strategies from the draft to their end, and why they do what they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from typing import Any

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant, new_id
from tercet_chassis.invariants import finding
from tercet_marketing.profiles.model import Profile
from tercet_marketing.strategies import steering, store
from tercet_marketing.strategies.checking import check, content
from tercet_marketing.strategies.deciding import decide_again, standings
from tercet_marketing.strategies.errors import StrategyNotFound, StrategyNotRunning
from tercet_marketing.strategies.model import Strategy, StrategyDecision
from tercet_marketing.strategies.paying import note_left
from tercet_marketing.strategies.rules import Wish, decide
from tercet_marketing.strategies.states import RUNNING
from tercet_marketing.strategies.wishes import Unreadable, readable

Finding = CheckInvariantsResponse.Finding


class StrategyService(Handlers):
    """Serves tercet.marketing.v1.StrategyService."""

    async def CreateStrategy(self, request: pb.CreateStrategyRequest, tx: Tx) -> Strategy:
        """Makes a draft. Refuses what could never run."""
        strategy = await tx.create(Strategy, request.strategy)
        strategy.purpose = strategy.purpose if request.strategy.purpose else "MARKETING"
        await check(strategy, tx)
        tx.emit(events.StrategyCreated, strategy)
        return strategy

    async def UpdateStrategy(self, request: pb.UpdateStrategyRequest, tx: Tx) -> Strategy:
        """Changes a strategy, which is a draft from then on. Refused while it runs and once it has ended."""
        strategy = await tx.get(Strategy, request.strategy.id, etag=request.strategy.etag, lock=True)
        strategy.rewrite()
        await tx.patch(strategy, request.strategy, request.update_mask if request.HasField("update_mask") else None)
        await check(strategy, tx)
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
        await steering.approve(tx, strategy)
        return strategy

    async def StartStrategy(self, request: pb.StartStrategyRequest, tx: Tx) -> Strategy:
        """Has the approved version run."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        steering.start(tx, strategy)
        return strategy

    async def PauseStrategy(self, request: pb.PauseStrategyRequest, tx: Tx) -> Strategy:
        """Has it want nobody until it is started again."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        steering.pause(tx, strategy)
        return strategy

    async def EndStrategy(self, request: pb.EndStrategyRequest, tx: Tx) -> Strategy:
        """Ends it for good."""
        strategy = await tx.get(Strategy, request.id, etag=request.etag, lock=True)
        steering.end(tx, strategy)
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
            contents = {one.code: await content(one, tx) for one in found.values()}
            versions = {one.code: one.version for one in found.values()}
        else:
            versions = {one.code: one.version for one in await store.running(tx)}
            contents = {code: said for (code, _), said in (await store.contents(tx, versions.items())).items()}
        wishes = [replace(wish, occasion="explain") for wish in _readable(contents)]
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
            await note_left(tx, row, str(contents[code]["budget_code"]))
            answer.decisions.append(tx.render(row))  # type: ignore[arg-type]
        return answer

    async def RetryStrategyDecision(self, request: pb.RetryStrategyDecisionRequest, tx: Tx) -> StrategyDecision:
        """Decides again what was withheld, by what its strategy says now. Refuses what was not, and a strategy that
        does not run.
        """
        row = await tx.get(StrategyDecision, request.id)
        await tx.hold("strategies", [row.party_id])
        row = await tx.get(StrategyDecision, request.id, lock=True)
        strategy = next(iter(await store.by_codes(tx, [row.strategy_code])), None)
        if strategy is None or strategy.state != RUNNING:
            raise StrategyNotRunning(code=row.strategy_code)
        row.wish_again(strategy.version)
        await tx.flush()
        await decide_again(tx, [row.party_id])
        return row


def _readable(contents: Mapping[str, Mapping[str, Any]]) -> Iterator[Wish]:
    for code, said in contents.items():
        try:
            yield readable(code, said)
        except Unreadable:
            # It wants nobody; a decision that came of it says so.
            continue


@invariant
async def held_out_are_left_alone(tx: Tx) -> Finding:
    """Nobody who was held out got a benefit or a message by it."""
    count, wrong = await store.held_out_but_reached(tx, 5)
    return finding("strategies.held_out_are_left_alone", count, wrong)
