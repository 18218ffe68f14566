"""Methods of activities beyond the free ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.sales.v1 import activity_service_pb2 as pb
from tercet.sales.v1 import events_pb2 as events
from tercet.type.v1.reference_pb2 import ResourceRef
from tercet_chassis import Handlers, Tx
from tercet_sales.activities import store
from tercet_sales.activities.jobs import remind
from tercet_sales.activities.model import Activity, ActivityEdit
from tercet_sales.activities.rules import DONE, Due, end_of_day, is_overdue, the_day
from tercet_sales.days import zone_of
from tercet_sales.opportunities.priorities import priorities_of
from tercet_sales.opportunities.store import note_activity

_MOST = 500
_SILENT = frozenset({"update_time", "etag", "edit_count"})
_OPPORTUNITIES_READ = "sales.opportunity.read"


def _time(message: Any, name: str) -> datetime | None:
    return getattr(message, name).ToDatetime(tzinfo=UTC) if message.HasField(name) else None


def _shown(activity: pb.Activity, now: datetime) -> pb.Activity:
    due = _time(activity, "due_time")
    activity.overdue = is_overdue(pb.Activity.State.Name(activity.state), due, now)
    return activity


def _dict(message: Message) -> dict[str, Any]:
    return dict(json_format.MessageToDict(message, preserving_proto_field_name=True))


class ActivityService(Handlers):
    """Serves tercet.sales.v1.ActivityService."""

    async def CreateActivity(self, request: pb.CreateActivityRequest, tx: Tx) -> pb.Activity:
        """Records an activity, done at once when it says so.

        Refuses a subject out of reach and to be done in the future.
        """
        activity = await tx.create(Activity, request.activity)
        activity.begin(tx.now())
        with tx.session.no_autoflush:
            await store.link(tx, activity)
        tx.emit(events.ActivityCreated, activity, occur_time=activity.done_time)
        if activity.state == DONE:
            await self._finish(activity, tx)
        self._plan_reminder(activity, tx)
        return await self._answer(activity, tx)

    async def GetActivity(self, request: pb.GetActivityRequest, tx: Tx) -> pb.Activity:
        """Answers one activity. Refuses one out of reach."""
        return await self._answer(await tx.get(Activity, request.id), tx)

    async def ListActivities(self, request: pb.ListActivitiesRequest, tx: Tx) -> pb.ListActivitiesResponse:
        """Lists activities in the caller's reach."""
        answer = cast(pb.ListActivitiesResponse, await tx.page(Activity, request, response=pb.ListActivitiesResponse))
        for activity in answer.activities:
            _shown(activity, tx.now())
        return answer

    async def UpdateActivity(self, request: pb.UpdateActivityRequest, tx: Tx) -> pb.Activity:
        """Changes an activity and keeps what it said before. Refuses one that is cancelled."""
        activity = await tx.get(Activity, request.activity.id, etag=request.activity.etag, lock=True)
        activity.check_editable()
        before = _dict(tx.render(activity))
        await tx.patch(activity, request.activity, request.update_mask)
        after = _dict(tx.render(activity))
        changed = sorted(key for key in {*before, *after} - _SILENT if before.get(key) != after.get(key))
        if changed:
            activity.edit_count += 1
            tx.add(
                ActivityEdit(
                    activity_id=activity.id,
                    number=activity.edit_count,
                    actor_id=tx.principal.user_id,
                    fields=changed,
                    before=before,
                )
            )
            tx.emit(events.ActivityUpdated, activity)
            if activity.state == DONE:
                await self._finish(activity, tx, told=False)
            self._plan_reminder(activity, tx)
        return await self._answer(activity, tx)

    async def DeleteActivity(self, request: pb.DeleteActivityRequest, tx: Tx) -> Empty:
        """Removes an activity with its edits. Refuses one out of reach."""
        activity = await tx.get(Activity, request.id, etag=request.etag)
        await store.forget_edits(tx, activity.id)
        tx.emit(events.ActivityDeleted, activity)
        await tx.delete(activity)
        return Empty()

    async def CompleteActivity(self, request: pb.CompleteActivityRequest, tx: Tx) -> pb.Activity:
        """Is done, and the next step becomes a task. Refuses one that is done or cancelled already."""
        activity = await tx.get(Activity, request.id, etag=request.etag, lock=True)
        activity.complete(
            _time(request, "done_time") or tx.now(),
            tx.now(),
            outcome_code=request.outcome_code or None,
            text=request.text,
            intent_level=request.intent_level if request.HasField("intent_level") else None,
            key_events=list(request.key_events),
            next_step=request.next_step or None,
            next_due_time=_time(request, "next_due_time"),
        )
        await self._finish(activity, tx)
        return await self._answer(activity, tx)

    async def CancelActivity(self, request: pb.CancelActivityRequest, tx: Tx) -> pb.Activity:
        """Will not happen. Refuses one that is done or cancelled already."""
        activity = await tx.get(Activity, request.id, etag=request.etag, lock=True)
        activity.cancel()
        tx.emit(events.ActivityUpdated, activity)
        return await self._answer(activity, tx)

    async def ListActivityEdits(self, request: pb.ListActivityEditsRequest, tx: Tx) -> Message:
        """What an activity said before each change, latest first. Refuses an activity out of reach."""
        activity = await tx.get(Activity, request.id)
        return await tx.page(
            ActivityEdit, request, where=store.edits_of(activity.id), response=pb.ListActivityEditsResponse
        )

    async def GetWorklist(self, request: pb.GetWorklistRequest, tx: Tx) -> pb.Worklist:
        """A day's work in its order. Refuses an unknown time zone."""
        zone = zone_of(request.time_zone or tx.principal.zone or "UTC")
        now = tx.now()
        today = now.astimezone(zone).date()
        worklist = pb.Worklist(on_date=today.isoformat(), time_zone=zone.key)
        owner_id = UUID(request.owner_id) if request.owner_id else tx.principal.user_id
        if owner_id is None:
            return worklist
        until = end_of_day(today, zone)
        asked = pb.ListActivitiesRequest(page_size=_MOST, order_by="due_time")
        answer = await tx.page(
            Activity, asked, where=store.open_until(owner_id, until), response=pb.ListActivitiesResponse
        )
        by_id = {activity.id: activity for activity in cast(pb.ListActivitiesResponse, answer).activities}
        day = the_day(
            (Due(activity.id, activity.due_time.ToDatetime(tzinfo=UTC)) for activity in by_id.values()), now, until
        )
        for reason, found in ((pb.Worklist.OVERDUE, day.overdue), (pb.Worklist.DUE_TODAY, day.due)):
            for due in found:
                worklist.items.add(reason=reason, activity=_shown(by_id[due.id], now))
        worklist.overdue_count, worklist.due_count = len(day.overdue), len(day.due)
        if tx.principal.scopes(_OPPORTUNITIES_READ):
            planned = {activity.subject.id for activity in by_id.values()}
            limit = request.opportunity_count or 10
            opportunities = await priorities_of(tx, owner_id, today, limit=limit + len(planned), unplanned=True)
            fresh = [(opportunity, reasons) for opportunity, reasons in opportunities if opportunity.id not in planned]
            for opportunity, reasons in fresh[:limit]:
                worklist.items.add(
                    reason=pb.Worklist.OPPORTUNITY,
                    opportunity_title=opportunity.title,
                    priority_reasons=reasons,
                    opportunity=ResourceRef(service="sales", type="opportunity", id=opportunity.id),
                )
        return worklist

    @staticmethod
    async def _answer(activity: Activity, tx: Tx) -> pb.Activity:
        await tx.flush()
        return _shown(cast(pb.Activity, tx.render(activity)), tx.now())

    @staticmethod
    async def _finish(activity: Activity, tx: Tx, *, told: bool = True) -> None:
        """Tells that it is done, makes the next step a task, and lets the opportunity know."""
        done = activity.done_time or tx.now()
        if told:
            tx.emit(events.ActivityCompleted, activity, occur_time=done)
        task = activity.follow_up()
        if task is not None:
            tx.add(task).begin(tx.now())
            tx.emit(events.ActivityCreated, task)
        about = store.opportunity_id(activity)
        if about is not None:
            zone = zone_of(tx.principal.zone or "UTC")
            said = {
                "intent_level": activity.intent_level,
                "key_events": list(activity.key_events or []),
                "next_step": activity.next_step,
                "next_date": activity.next_due_time.astimezone(zone).date() if activity.next_due_time else None,
            }
            await note_activity(tx, about, done, said)

    @staticmethod
    def _plan_reminder(activity: Activity, tx: Tx) -> None:
        due = activity.reminder_due()
        if due is not None:
            tx.schedule(
                remind, due=due, key=f"remind:{activity.id}", activity_id=str(activity.id), remind_time=due.isoformat()
            )
