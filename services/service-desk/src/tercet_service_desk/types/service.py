"""Ticket types are checked before they are kept."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.servicedesk.v1 import events_pb2 as events
from tercet.servicedesk.v1 import ticket_type_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_service_desk.types.model import TicketType
from tercet_service_desk.types.rules import Machine
from tercet_service_desk.types.store import check_left


class TicketTypeService(Handlers):
    """Serves tercet.servicedesk.v1.TicketTypeService."""

    async def CreateTicketType(self, request: pb.CreateTicketTypeRequest, tx: Tx) -> TicketType:
        """Adds a type. Refuses stages through which no ticket could go."""
        kind = await tx.create(TicketType, request.ticket_type)
        kind.check()
        tx.emit(events.TicketTypeCreated, kind)
        return kind

    async def UpdateTicketType(self, request: pb.UpdateTicketTypeRequest, tx: Tx) -> TicketType:
        """Changes a type, with the same refusals, and none of its open tickets is left behind."""
        given = request.ticket_type
        kind = await tx.get(TicketType, given.id, etag=given.etag, lock=True)
        await tx.patch(kind, given, request.update_mask if request.HasField("update_mask") else None)
        kind.check()
        await check_left(tx, kind.code, kind.machine())
        tx.emit(events.TicketTypeUpdated, kind)
        return kind

    async def DeleteTicketType(self, request: pb.DeleteTicketTypeRequest, tx: Tx) -> Empty:
        """Deletes a type. Refuses while a ticket of it is not closed."""
        kind = await tx.get(TicketType, request.id, etag=request.etag, lock=True)
        await check_left(tx, kind.code, Machine(()))
        tx.emit(events.TicketTypeDeleted, kind)
        await tx.delete(kind)
        return Empty()
