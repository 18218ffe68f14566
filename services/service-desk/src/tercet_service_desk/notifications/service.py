"""Everybody's own notifications."""

from __future__ import annotations

from uuid import UUID

from tercet.servicedesk.v1 import notification_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_chassis.entity import view
from tercet_service_desk.notifications import store
from tercet_service_desk.notifications.model import Notification


class NotificationService(Handlers):
    """Serves tercet.servicedesk.v1.NotificationService."""

    async def ListNotifications(self, request: pb.ListNotificationsRequest, tx: Tx) -> pb.ListNotificationsResponse:
        """The caller's own, newest first."""
        request.order_by = request.order_by or "create_time desc"
        own = view(Notification).c.user_id == tx.principal.user_id
        answer = await tx.page(Notification, request, response=pb.ListNotificationsResponse, where=[own])
        assert isinstance(answer, pb.ListNotificationsResponse)
        return answer

    async def ReadNotifications(self, request: pb.ReadNotificationsRequest, tx: Tx) -> pb.ReadNotificationsResponse:
        """Marks the caller's own as read."""
        if tx.principal.user_id is None:
            return pb.ReadNotificationsResponse()
        count = await store.mark_read(tx, tx.principal.user_id, [UUID(id) for id in request.ids])
        return pb.ReadNotificationsResponse(read_count=count)
