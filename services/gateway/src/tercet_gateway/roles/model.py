"""Roles as rows."""

from __future__ import annotations

from typing import Any

from tercet_chassis.entity import Entity, Mapped, Searchable, column, unique
from tercet_gateway.roles.errors import RoleIsBuiltin
from tercet_gateway.roles.rules import Grant


class Role(Searchable, Entity):
    """A named set of permissions with their reach, and the personal data that it hides."""

    __tablename__ = "roles"
    __table_args__ = (unique("roles_by_code", "code", field="role.code"),)

    code: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = column(default="")
    grants: Mapped[list[Any]] = column(default=list)
    masks: Mapped[list[Any]] = column(default=list)
    builtin: Mapped[bool] = column(default=False)

    def held_grants(self) -> list[Grant]:
        """Patterns with their reach, as principals carry them."""
        return [(grant["permission"], grant["scope"].lower()) for grant in self.grants]

    def check_changeable(self) -> None:
        """Refuses to touch the built-in role."""
        if self.builtin:
            raise RoleIsBuiltin(code=self.code)
