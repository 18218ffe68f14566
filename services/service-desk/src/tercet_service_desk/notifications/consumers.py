"""What happens to tickets is told to those whom it concerns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tercet.gateway.v1.events_pb2 import UserCreated, UserDeleted, UserUpdated
from tercet.gateway.v1.user_service_pb2 import User
from tercet.servicedesk.v1.events_pb2 import TicketEscalated, TicketReplySent
from tercet.servicedesk.v1.service_level_service_pb2 import EscalationStep
from tercet.servicedesk.v1.ticket_service_pb2 import TicketEntry
from tercet_chassis import Tx, effect, projection
from tercet_service_desk.notifications import store
from tercet_service_desk.notifications.model import Notification, RoleHolder

_NOT_SENT = (TicketEntry.FAILED, TicketEntry.WITHHELD, TicketEntry.UNCERTAIN)


@projection(UserCreated, UserUpdated, UserDeleted)
async def follow_users(event: UserCreated | UserUpdated | UserDeleted, tx: Tx) -> None:
    """Knows who holds which role."""
    user = event.user
    holder = await tx.find(RoleHolder, user.id, lock=True)
    if holder is None:
        holder = tx.add(RoleHolder(id=UUID(user.id)))
    holder.active = user.state == User.ACTIVE and not isinstance(event, UserDeleted)
    holder.roles = [{"role_code": role.role_code, "unit_id": role.unit_id or user.unit_id} for role in user.roles]


@effect(TicketEscalated)
async def tell_step(event: TicketEscalated, tx: Tx) -> None:
    """Tells whom a step says: the ticket's owner before it, the holders of roles in its unit, or who has it now."""
    told: set[UUID] = set()
    if event.step.action == EscalationStep.NOTIFY_OWNER and event.user_id:
        told = {UUID(event.user_id)}
    elif event.step.action == EscalationStep.NOTIFY_ROLE:
        unit_id = UUID(event.unit_id) if event.unit_id else None
        told = set(await store.holders(tx, set(event.step.role_codes), unit_id))
    elif event.step.action == EscalationStep.HAND_OVER and event.step.user_id:
        told = {UUID(event.step.user_id)}
    _tell(tx, told, "ESCALATION", event.ticket, event.service_level_code)


@effect(TicketReplySent)
async def tell_not_sent(event: TicketReplySent, tx: Tx) -> None:
    """Whoever wrote an answer that did not reach the requester is told, and so is the ticket's owner."""
    if event.entry.send_state in _NOT_SENT:
        told = {UUID(id) for id in (event.entry.author_id, event.ticket.owner_id) if id}
        _tell(tx, told, "REPLY_NOT_SENT", event.ticket, event.entry.send_code)


def _tell(tx: Tx, users: Iterable[UUID], kind: str, ticket: Any, reason_code: str) -> None:
    for user_id in sorted(users):
        tx.add(
            Notification(
                user_id=user_id,
                kind=kind,
                ticket_id=UUID(ticket.id),
                ticket_number=ticket.number,
                reason_code=reason_code,
                event_id=tx.event.id,
            )
        )
