"""Points fall away and tiers are looked at when their time has come."""

from __future__ import annotations

from datetime import timedelta

from tercet_chassis import Tx, every, job
from tercet_marketing.loyalty import points, standing, store

_AT_ONCE = 200
_PAUSE = timedelta(seconds=5)


@every(minutes=15)
async def follow_calendar(tx: Tx) -> None:
    """Lets points go whose time is over, and looks at the tiers whose period is.

    What is asked in between counts neither as there, so nobody can burn what is waiting to fall away.
    """
    await work_off(tx)


@job
async def work_off(tx: Tx) -> None:
    """One portion of what is due; the next follows when there is more."""
    lapsed = await store.lapsed_members(tx, _AT_ONCE)
    for member in lapsed:
        await points.expire(tx, await store.programme_of(tx, member.programme_code), member)
    due = await store.due_reviews(tx, _AT_ONCE)
    for code, party_id in sorted({(member.programme_code, member.party_id) for member in due}):
        await standing.review(tx, await store.programme_of(tx, code), party_id)
    if len(lapsed) == _AT_ONCE or len(due) == _AT_ONCE:
        tx.schedule(work_off, due=tx.now() + _PAUSE, key="loyalty:work_off")
