"""What activities do by the clock."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet.sales.v1 import events_pb2 as events
from tercet_chassis import Tx, job
from tercet_sales.activities.model import Activity


@job
async def remind(tx: Tx, activity_id: str, remind_time: str) -> None:
    """Tells once that an activity's owner asked to be reminded, unless it is done by now or another time was chosen."""
    activity = await tx.find(Activity, UUID(activity_id), lock=True)
    wanted = datetime.fromisoformat(remind_time)
    if activity is None or activity.reminder_due() != wanted:
        return
    activity.reminded_time = wanted
    tx.emit(events.ActivityReminded, activity, occur_time=wanted)
