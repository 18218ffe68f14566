"""Why a ticket cannot be changed."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition


class TicketClosed(FailedPrecondition):
    """A closed ticket was to be changed."""

    text = "Ticket {number} is closed; reopen it first or open a new one."
    field = "id"


class TicketAlreadySolved(FailedPrecondition):
    """A solved ticket was to be solved."""

    text = "Ticket {number} is solved already; reopen it if something is left to do."
    field = "id"


class TicketNotSolved(FailedPrecondition):
    """A ticket that is not solved was to be closed or opened again."""

    text = "Ticket {number} is {state}; only a solved or closed ticket can be reopened, and only a solved one closed."
    field = "id"
