"""Why a ticket type cannot be kept or taken away."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class TicketTypeInvalid(InvalidArgument):
    """A stage is missing, named twice or leads nowhere."""

    text = "{problem}"


class TicketTypeUnknown(InvalidArgument):
    """The tenant names its ticket types, and this is none of them."""

    text = "There is no ticket type {type_code}; use one of {known} or add it."
    field = "ticket.type_code"


class TicketStageInUse(FailedPrecondition):
    """Open tickets stand in a stage that was to be taken away or to mean something else."""

    text = "Open tickets stand in the stage {stage_code} as {state}; move them first."
    field = "ticket_type.stages"
