"""Calendars are checked before they are kept."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.servicedesk.v1 import calendar_service_pb2 as pb
from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Handlers, Tx
from tercet_service_desk.calendars import store
from tercet_service_desk.calendars.errors import CalendarInUse
from tercet_service_desk.calendars.model import Calendar


class CalendarService(Handlers):
    """Serves tercet.servicedesk.v1.CalendarService."""

    async def CreateCalendar(self, request: pb.CreateCalendarRequest, tx: Tx) -> Calendar:
        """Adds a calendar. Refuses an unknown zone, and hours that are none or overlap."""
        calendar = await tx.create(Calendar, request.calendar)
        calendar.working_time()
        tx.emit(events.CalendarCreated, calendar)
        return calendar

    async def UpdateCalendar(self, request: pb.UpdateCalendarRequest, tx: Tx) -> Calendar:
        """Changes a calendar, with the same refusals; open tickets follow by the event."""
        calendar = await tx.get(Calendar, request.calendar.id, etag=request.calendar.etag, lock=True)
        await tx.patch(calendar, request.calendar, request.update_mask if request.HasField("update_mask") else None)
        calendar.working_time()
        tx.emit(events.CalendarUpdated, calendar)
        return calendar

    async def DeleteCalendar(self, request: pb.DeleteCalendarRequest, tx: Tx) -> Empty:
        """Deletes a calendar. Refuses while a service level counts in it."""
        calendar = await tx.get(Calendar, request.id, etag=request.etag, lock=True)
        level_code = await store.level_that_uses(tx, calendar.code)
        if level_code is not None:
            raise CalendarInUse(level_code=level_code, code=calendar.code)
        tx.emit(events.CalendarDeleted, calendar)
        await tx.delete(calendar)
        return Empty()
