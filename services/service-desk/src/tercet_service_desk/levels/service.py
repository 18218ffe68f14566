"""Service levels are checked before they are kept."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import service_level_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.conditions import understood
from tercet_service_desk.calendars.rules import AROUND_THE_CLOCK
from tercet_service_desk.calendars.store import by_code
from tercet_service_desk.levels.errors import CalendarNotFound
from tercet_service_desk.levels.facts import TICKETS
from tercet_service_desk.levels.model import ServiceLevel


class ServiceLevelService(Handlers):
    """Serves tercet.servicedesk.v1.ServiceLevelService. Open tickets follow by the events."""

    async def CreateServiceLevel(self, request: pb.CreateServiceLevelRequest, tx: Tx) -> ServiceLevel:
        """Adds a level. Refuses a condition that does not parse, an unknown calendar, and what is no promise."""
        level = await tx.create(ServiceLevel, request.service_level)
        await _check(tx, level)
        tx.emit(events.ServiceLevelCreated, level)
        return level

    async def UpdateServiceLevel(self, request: pb.UpdateServiceLevelRequest, tx: Tx) -> ServiceLevel:
        """Changes a level, with the same refusals."""
        given = request.service_level
        level = await tx.get(ServiceLevel, given.id, etag=given.etag, lock=True)
        await tx.patch(level, given, request.update_mask if request.HasField("update_mask") else None)
        await _check(tx, level)
        tx.emit(events.ServiceLevelUpdated, level)
        return level

    async def DeleteServiceLevel(self, request: pb.DeleteServiceLevelRequest, tx: Tx) -> Empty:
        """Deletes a level."""
        level = await tx.get(ServiceLevel, request.id, etag=request.etag, lock=True)
        tx.emit(events.ServiceLevelDeleted, level)
        await tx.delete(level)
        return Empty()


async def _check(tx: Tx, level: ServiceLevel) -> None:
    await understood(tx, TICKETS, "tickets", level.condition or "", "service_level.condition")
    level.check()
    calendar = await by_code(tx, level.calendar_code) if level.calendar_code else None
    if level.calendar_code and calendar is None:
        raise CalendarNotFound(calendar_code=level.calendar_code)
    level.check_reach(calendar.working_time() if calendar else AROUND_THE_CLOCK, tx.now())
