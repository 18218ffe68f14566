"""What telemetry does by the clock: alarms of ended rules end, customers are told, old readings are forgotten."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tercet_chassis import Tx, every, job
from tercet_service_desk.telemetry import store
from tercet_service_desk.telemetry.judging import end
from tercet_service_desk.telemetry.model import AlarmRule
from tercet_service_desk.telemetry.telling import tell_afterwards

# So long readings are kept, and so late they may come.
KEPT = timedelta(days=90)
_ALARMS_AT_ONCE = 100
_READINGS_AT_ONCE = 10_000


@job
async def retire_alarms(tx: Tx, rule_id: str) -> None:
    """Ends the alarms of a rule that is disabled or deleted, some hundred a job."""
    rule = await tx.find(AlarmRule, rule_id)
    if rule is not None and rule.enabled:
        return
    alarms = await store.open_of_rule(tx, UUID(rule_id), _ALARMS_AT_ONCE)
    for alarm in alarms:
        await end(tx, alarm, muted=False)
    if len(alarms) == _ALARMS_AT_ONCE:
        tx.schedule(retire_alarms, due=tx.now(), key=rule_id, rule_id=rule_id)


@every(minutes=1)
async def tell_customers(tx: Tx) -> None:
    """Tells whoever has not been told yet, because marketing was away or this process died."""
    for alarm_id in await store.to_tell(tx, _ALARMS_AT_ONCE):
        tell_afterwards(tx, alarm_id)


@job
async def forget_readings(tx: Tx) -> None:
    """Deletes readings that are older than what is kept, some thousands a job."""
    if await store.forget(tx, tx.now() - KEPT, _READINGS_AT_ONCE) == _READINGS_AT_ONCE:
        tx.schedule(forget_readings, due=tx.now(), key="all")


@every(hours=6)
async def begin_forgetting(tx: Tx) -> None:
    """Begins at the oldest reading."""
    tx.schedule(forget_readings, due=tx.now(), key="all")
