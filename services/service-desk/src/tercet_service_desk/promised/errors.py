"""Refusals over promises of sales."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, NotFound


class PromiseOpen(FailedPrecondition):
    """A ticket was to be solved or closed that carries something promised and not done."""

    text = "Ticket {number} carries {count} open promises of the sale; keep each, or set aside what is no matter of it."
    field = "id"


class PromiseNotOnTicket(NotFound):
    """A promise is none of the open ones of a ticket's requester."""

    text = "Ticket {number} has no such open promise; look at its list."
    field = "promise_id"
