"""Qualification rules as rows: one a version, never changed."""

from __future__ import annotations

from tercet_chassis.entity import Entity, Mapped, column, unique


class QualificationRule(Entity):
    """One version of the condition under which marketing hands a lead to sales."""

    __tablename__ = "qualification_rules"
    __table_args__ = (unique("qualification_rules_by_version", "code", "version", field="qualification_rule.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    version: Mapped[int] = column(default=1)
    condition: Mapped[str]
    automatic: Mapped[bool] = column(default=False)

    @property
    def name(self) -> str:
        """What a lead's `qualification` says, such as `standard@3`."""
        return f"{self.code}@{self.version}"
