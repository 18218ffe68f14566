"""Ticket types as rows."""

from __future__ import annotations

from typing import Any

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_chassis.errors import Violation
from tercet_service_desk.types.errors import TicketTypeInvalid
from tercet_service_desk.types.rules import Machine, Stage, astray


class TicketType(Entity):
    """A kind of ticket and the stages it goes through."""

    __tablename__ = "ticket_types"
    __table_args__ = (unique("ticket_types_by_code", "code", field="ticket_type.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    stages: Mapped[list[Any]] = column(default=list)

    def machine(self) -> Machine:
        """The type in the eyes of the rules."""
        return machine_of(self.stages)

    def check(self) -> None:
        """Refuses stages through which no ticket could go."""
        found = list(astray(self.machine().stages))
        if found:
            violations = [Violation(f"ticket_type.{field}", "TICKET_TYPE_INVALID", why) for field, why in found]
            raise TicketTypeInvalid(problem=found[0][1], violations=violations)


def machine_of(stages: list[Any]) -> Machine:
    """The machine of stages as they are kept."""
    return Machine(tuple(Stage(row["code"], row["state"], tuple(row.get("next_codes") or ())) for row in stages))
