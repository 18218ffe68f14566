"""What is due is claimed a hundred at a time and handed over once that is committed; what was lost is asked after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tercet_chassis import Tx, every, job, new_id
from tercet_marketing.channels.accounts import carriers
from tercet_marketing.sends import store
from tercet_marketing.sends.delivering import MOST_UNDER_WAY, Deliverer
from tercet_marketing.sends.planning import plan
from tercet_marketing.sends.rules import minute_of

BATCH = 100
# So that callers who queue at the same time do not wait for each other's row of the job.
_SHARDS = 32
_ASKING = timedelta(minutes=3)


@job
async def dispatch_sends(tx: Tx) -> None:
    """Claims what is due, marks what may go, and hands it over once that is committed."""
    if deliverer.under_way >= MOST_UNDER_WAY:
        wake(tx, tx.now() + timedelta(seconds=1))
        return
    batch = await store.claim_due(tx, BATCH)
    if not batch:
        return
    going = await plan(tx, batch)
    waiting = [send.next_time for send in batch if send.state == "QUEUED" and send.next_time is not None]
    wake(tx, *waiting, *([tx.now()] if len(batch) == BATCH else []))
    if going:
        tx.afterwards(deliverer.hand_over, going, audited=False)


@every(minutes=1)
async def recover_sends(tx: Tx) -> None:
    """Has providers asked what became of sends whose sender is dead, and looks for what nobody was woken for."""
    moment = datetime.now(UTC)
    lost = await store.claim_lost(tx, moment, BATCH)
    if lost:
        carried = await carriers(tx)
        asked = []
        for send in lost:
            send.asked, send.lease_until = send.asked + 1, moment + _ASKING
            asked.append((send.id, send.provider_id, send.begun, carried.carrier(send.account_code)))
        tx.afterwards(deliverer.ask, asked, audited=False)
    wake(tx, tx.now())


def wake(tx: Tx, *due: datetime) -> None:
    """Has sends looked at when they are due: what is due now once for the whole transaction, what waits longer than a
    moment once a minute, all together.
    """
    now, soon = tx.now(), tx.now() + timedelta(minutes=1)
    if any(moment <= now + timedelta(seconds=1) for moment in due):
        tx.schedule(dispatch_sends, due=now, key=f"now:{new_id().int % _SHARDS}")
    for moment in due:
        if moment <= now + timedelta(seconds=1):
            continue
        later = moment.replace(microsecond=0) + timedelta(seconds=1) if moment < soon else minute_of(moment)
        tx.schedule(dispatch_sends, due=later, key=f"at:{int(later.timestamp())}")


deliverer = Deliverer(wake)
