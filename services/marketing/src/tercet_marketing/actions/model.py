"""Actions as rows."""

from __future__ import annotations

from typing import Any

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_marketing.actions.errors import ActionEmpty, TemplateNeeded


class Action(Entity):
    """What is done for a customer and how they hear of it."""

    __tablename__ = "actions"
    __table_args__ = (unique("actions_by_code", "code", field="action.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    tool_code: Mapped[str] = column(default="")
    policy_code: Mapped[str] = column(default="")
    channel_codes: Mapped[list[Any]] = column(default=list)
    template_code: Mapped[str] = column(default="")
    variables: Mapped[dict[str, Any]] = column(default=dict)

    def check(self) -> None:
        """Refuses one that does nothing, and a channel without words."""
        if not self.tool_code and not self.channel_codes:
            raise ActionEmpty
        if self.channel_codes and not self.template_code:
            raise TemplateNeeded

    def content(self) -> dict[str, Any]:
        """What a version of a strategy keeps of it."""
        return {
            "tool_code": self.tool_code,
            "policy_code": self.policy_code,
            "channel_codes": list(self.channel_codes),
            "template_code": self.template_code,
            "variables": dict(self.variables),
        }
