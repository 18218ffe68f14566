"""Macros as rows."""

from __future__ import annotations

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_chassis.errors import Violation
from tercet_service_desk.macros.errors import MacroInvalid
from tercet_service_desk.macros.rules import unknown_places

# Each step with the permission by which it is done by hand.
PERMISSIONS = {
    "assign": "service-desk.ticket.assign",
    "type": "service-desk.ticket.update",
    "priority": "service-desk.ticket.update",
    "stage": "service-desk.ticket.move",
    "note": "service-desk.ticket.note",
    "reply": "service-desk.ticket.reply",
    "solve": "service-desk.ticket.solve",
}


class Macro(Entity):
    """A named set of changes and words."""

    __tablename__ = "macros"
    __table_args__ = (unique("macros_by_code", "code", field="macro.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    reply_text: Mapped[str] = column(default="")
    note_text: Mapped[str] = column(default="")
    type_code: Mapped[str] = column(default="")
    priority: Mapped[str | None]
    stage_code: Mapped[str] = column(default="")
    assign_to_me: Mapped[bool] = column(default=False)
    pending: Mapped[bool] = column(default=False)
    solve: Mapped[bool] = column(default=False)
    resolution: Mapped[str] = column(default="")
    retired: Mapped[bool] = column(default=False)

    @property
    def steps(self) -> list[str]:
        """What it does, in order."""
        wanted = {
            "assign": self.assign_to_me,
            "type": self.type_code,
            "priority": self.priority,
            "stage": self.stage_code,
            "note": self.note_text,
            "reply": self.reply_text,
            "solve": self.solve,
        }
        return [step for step in PERMISSIONS if wanted[step]]

    def check(self) -> None:
        """Refuses one that does nothing, contradicts itself, or names something that a ticket has not."""
        wrong = []
        for field in ("reply_text", "note_text", "resolution"):
            for name in unknown_places(getattr(self, field) or ""):
                problem = (
                    f"A ticket has no {name}; use ticket.number, subject, requester_name, type_code or custom.KEY."
                )
                wrong.append(Violation(f"macro.{field}", "MACRO_INVALID", problem))
        if not self.steps:
            wrong.append(Violation("macro", "MACRO_INVALID", "The macro does nothing; give it a text or a change."))
        if self.pending and not self.reply_text:
            problem = "Nobody waits for an answer to nothing; give a reply text too."
            wrong.append(Violation("macro.pending", "MACRO_INVALID", problem))
        if self.solve and (self.pending or self.stage_code):
            problem = "A ticket cannot be solved and moved or waited for at once; keep one of them."
            wrong.append(Violation("macro.solve", "MACRO_INVALID", problem))
        if wrong:
            raise MacroInvalid(problem=wrong[0].message, violations=wrong)
