"""What strategies do by the clock: begin a day, go through a segment, decide again what was put off."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tercet_chassis import Tx, every, job
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import decide_again, want
from tercet_marketing.strategies.model import DAILY, Strategy
from tercet_marketing.strategies.states import RUNNING

_AT_ONCE = 500
_PAGE = 200


@every(minutes=1)
async def decide_deferred(tx: Tx) -> None:
    """Decides what is due, the longest due first."""
    parties = await store.due_parties(tx, tx.now(), _AT_ONCE)
    if parties:
        await decide_again(tx, parties)


@every(minutes=5)
async def begin_daily(tx: Tx) -> None:
    """Begins the latest day of each strategy of trigger DAILY whose time has come, also when nothing ran just then; a
    day that was over when it was started is not made up for.
    """
    for strategy in await store.running(tx, DAILY):
        zone = ZoneInfo(strategy.zone or (await tx.known.zone_and_currency(None))[0])
        day = tx.now().astimezone(zone).date()
        if _due(strategy, day, zone) > tx.now():
            day -= timedelta(days=1)
        begun = strategy.daily_date is not None and strategy.daily_date >= day
        if not begun and strategy.start_time is not None and strategy.start_time <= _due(strategy, day, zone):
            strategy.daily_date = day
            _go_on(tx, strategy, day.isoformat(), "")


def _due(strategy: Strategy, day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(strategy.daily_time), zone).astimezone(UTC)


@job
async def go_through(tx: Tx, strategy_id: str, day: str, after: str) -> None:
    """Has a strategy want the next members of its segment, and sees to those after them."""
    strategy = await tx.find(Strategy, strategy_id)
    if strategy is None or strategy.state != RUNNING:
        return
    members = await store.members_after(tx, strategy.segment_code, UUID(after) if after else None, _PAGE)
    await want(tx, [(strategy, profile, day) for profile in await store.profiles_by_id(tx, members)])
    if len(members) == _PAGE:
        _go_on(tx, strategy, day, str(members[-1]))


def _go_on(tx: Tx, strategy: Strategy, day: str, after: str) -> None:
    key = f"{strategy.id}:{day}"
    tx.schedule(go_through, due=tx.now(), key=key, strategy_id=str(strategy.id), day=day, after=after)
