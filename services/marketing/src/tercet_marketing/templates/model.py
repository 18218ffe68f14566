"""Templates and their versions as rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, Searchable, column, index, unique
from tercet_marketing.templates import rules
from tercet_marketing.templates.rules import Source


class Template(Searchable, Entity):
    """What is written, as it is now."""

    __tablename__ = "templates"
    __table_args__ = (unique("templates_by_code", "code", field="template.code"),)

    code: Mapped[str]
    display_name: Mapped[str] = column(default="")
    default_language: Mapped[str]
    missing: Mapped[str] = column(default=rules.REFUSE)
    variables: Mapped[list[Any]] = column(default=list)
    bodies: Mapped[list[Any]] = column(default=list)
    undeclared_variables: Mapped[list[str]] = column(default=list)
    version: Mapped[int] = column(default=0)

    def write(self) -> None:
        """A new version of the texts. Refuses bodies that do not parse, naming each."""
        declared = [variable["code"] for variable in self.variables or []]
        self.undeclared_variables = rules.undeclared(self.bodies, declared)
        self.version = (self.version or 0) + 1


class TemplateVersion(Entity):
    """The texts as they were; never changed."""

    __tablename__ = "template_versions"
    __table_args__ = (
        unique("template_versions_once", "template_id", "version"),
        index("template_versions_by_code", "code"),
    )

    template_id: Mapped[UUID]
    code: Mapped[str]
    version: Mapped[int]
    default_language: Mapped[str]
    missing: Mapped[str]
    variables: Mapped[list[Any]] = column(default=list)
    bodies: Mapped[list[Any]] = column(default=list)

    def source(self) -> Source:
        """What is rendered."""
        return Source(self.code, self.default_language, self.missing, self.variables, self.bodies)
