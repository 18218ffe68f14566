"""Refusals of routing."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class TicketNotRoutable(FailedPrecondition):
    """A solved or closed ticket was to be routed."""

    text = "Ticket {number} is {state}; reopen it first, then it is routed by itself."
    field = "id"


class TicketToJudgeMissing(InvalidArgument):
    """A dry run without a ticket, or with two."""

    text = "Name either a ticket that is there (ticket_id) or describe one (ticket), not both and not neither."
    field = "ticket_id"
