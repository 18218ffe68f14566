"""Strategies moved from state to state, by themselves or with their plan; each move is told."""

from __future__ import annotations

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx
from tercet_marketing.strategies.checking import content
from tercet_marketing.strategies.model import Strategy, StrategyVersion


async def approve(tx: Tx, strategy: Strategy) -> None:
    """What the draft says is the next version. Refuses what is no draft, and what cannot be carried out."""
    strategy.approve(tx.principal.user_id, tx.now())
    said = await content(strategy, tx)
    tx.add(StrategyVersion(strategy_code=strategy.code, version=strategy.version, content=said))
    tx.emit(events.StrategyApproved, strategy)


def start(tx: Tx, strategy: Strategy) -> None:
    """It runs. Refuses what is neither approved nor paused."""
    strategy.start(tx.now())
    tx.emit(events.StrategyStarted, strategy)


def pause(tx: Tx, strategy: Strategy) -> None:
    """It wants nobody for now. Refuses what does not run."""
    strategy.pause()
    tx.emit(events.StrategyPaused, strategy)


def end(tx: Tx, strategy: Strategy) -> None:
    """It is over. Refuses what has ended."""
    strategy.end(tx.now())
    tx.emit(events.StrategyEnded, strategy)
