"""Queries over ticket types."""

from __future__ import annotations

from collections.abc import Mapping

from tercet_chassis import Tx
from tercet_chassis.errors import Violation
from tercet_service_desk.types.errors import TicketStageInUse, TicketTypeUnknown
from tercet_service_desk.types.model import machine_of
from tercet_service_desk.types.rules import COMPLAINT, Machine


async def machines(tx: Tx) -> Mapping[str, Machine]:
    """The tenant's ticket types by their codes."""
    rows = await tx.fetch("SELECT code, stages FROM fenced.ticket_types ORDER BY code")
    return {row["code"]: machine_of(row["stages"]) for row in rows}


async def standing_code(tx: Tx, *codes: str) -> str:
    """The first of these types that the tenant has; none where it has others only. For what comes in without anybody
    at hand who could name another type: one that is no more must not keep it from its ticket.
    """
    known = await machines(tx)
    return next((code for code in codes if code and (not known or code in known or code == COMPLAINT)), "")


async def check_code(tx: Tx, code: str, field: str) -> None:
    """Refuses a type that is none of the tenant's, once it has any."""
    known = await machines(tx) if code else {}
    if known and code not in known and code != COMPLAINT:
        told = ", ".join(sorted(known))
        problem = f"There is no ticket type {code}; use one of {told} or add it."
        raise TicketTypeUnknown(
            type_code=code, known=told, violations=[Violation(field, "TICKET_TYPE_UNKNOWN", problem)]
        )


async def check_left(tx: Tx, code: str, left: Machine) -> None:
    """Refuses to leave tickets behind that are not closed: in a stage that is no more or that has another state now."""
    # Tickets stand above their types; of theirs only these columns are named here.
    rows = await tx.fetch(
        "SELECT DISTINCT stage_code, state FROM fenced.tickets"
        " WHERE type_code = $1 AND state <> 'CLOSED' AND stage_code <> '' ORDER BY stage_code",
        code,
    )
    for row in rows:
        stage = left.by_code.get(row["stage_code"])
        if stage is None or stage.state != row["state"]:
            raise TicketStageInUse(stage_code=row["stage_code"], state=row["state"])
