"""Why a ticket cannot be changed."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class TicketAssetUnknown(InvalidArgument):
    """A ticket was to be about an asset that there is not."""

    text = "There is no asset {asset_id}; name another, or none."
    field = "ticket.asset_id"


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


class TicketIsMerged(FailedPrecondition):
    """A ticket that is part of another was to be changed."""

    text = "Ticket {number} was merged into {into_id}; work there, or take the merge back first."
    field = "id"


class TicketNotMerged(FailedPrecondition):
    """A merge that there is not was to be taken back."""

    text = "Ticket {number} is not part of another."
    field = "id"


class TicketMergedIntoItself(InvalidArgument):
    """A ticket was to become part of itself."""

    text = "A ticket cannot be merged into itself; name another."
    field = "into_id"


class TicketLinkedToItself(InvalidArgument):
    """A ticket was to be linked to itself."""

    text = "A ticket cannot be linked to itself; name another."
    field = "other_id"


class TicketsNotLinked(NotFound):
    """A link that there is not was to be taken back."""

    text = "The tickets are not linked in this way."
    field = "other_id"


class TicketStageUnknown(InvalidArgument):
    """The ticket's type has no such stage."""

    text = "A ticket of type {type_code} has no stage {stage_code}; use one of the type's own."
    field = "stage_code"


class TicketMoveNotAllowed(FailedPrecondition):
    """No way leads there in the ticket's type."""

    text = "Ticket {number} stands in {stage_code}; from there its type lets it not go to {target}."
    field = "stage_code"


class TicketEntryUnknown(NotFound):
    """A conversation was to be split at an entry that is not in it."""

    text = "Ticket {number} has no such entry of its own; name one of its conversation."
    field = "entry_id"


class TicketFilesNotSent(FailedPrecondition):
    """Files were given with an answer that is recorded only, or that no channel carries."""

    text = (
        "This answer to ticket {number} goes through no channel, so its files would reach nobody; send it through one."
    )
    field = "file_ids"
