"""The source tree as rows: each knows its parent's code and its whole path, so that a branch is one prefix."""

from __future__ import annotations

from datetime import date

from tercet_chassis.entity import Custom, Entity, Mapped, Searchable, column, index, money, unique
from tercet_chassis.money import Money
from tercet_leads.sources.errors import SourceDatesInvalid, SourceInUse, SourceTreeBroken
from tercet_leads.sources.rules import DEEPEST, SourceFacts, level_of, path_of


class Source(Custom, Searchable, Entity):
    """A place that interest comes from."""

    __tablename__ = "sources"
    __table_args__ = (
        unique("sources_by_code", "code", field="source.code"),
        index("sources_by_path", "path"),
        index("sources_by_parent", "parent_code"),
    )

    code: Mapped[str]
    display_name: Mapped[str]
    kind: Mapped[str]
    parent_code: Mapped[str] = column(default="")
    path: Mapped[str]
    level: Mapped[int] = column(default=1)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    cost: Mapped[Money | None] = money("cost")
    used: Mapped[bool] = column(default=False)

    def place_below(self, parent: Source | None) -> None:
        """Puts it below its parent. Refuses a parent that is missing, itself or below it, and trees deeper than
        eight levels.
        """
        if self.parent_code and parent is None:
            raise SourceTreeBroken(code=self.code, parent_code=self.parent_code, cause="there is no such source")
        if parent is not None and self.path and parent.path.startswith(self.path):
            raise SourceTreeBroken(code=self.code, parent_code=self.parent_code, cause="it would stand below itself")
        path = path_of(self.code, parent.path if parent else "")
        if level_of(path) > DEEPEST:
            raise SourceTreeBroken(
                code=self.code, parent_code=self.parent_code, cause=f"the tree has at most {DEEPEST} levels"
            )
        self.path, self.level = path, level_of(path)

    def check_dates(self) -> None:
        """Refuses a validity that ends before it begins."""
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise SourceDatesInvalid(code=self.code, start_date=self.start_date, end_date=self.end_date)

    def check_unused(self, has_children: bool) -> None:
        """Refuses deletion once touches came from it or sources stand below it."""
        if self.used:
            raise SourceInUse(code=self.code, cause="touches came from it")
        if has_children:
            raise SourceInUse(code=self.code, cause="sources stand below it")

    def facts(self) -> SourceFacts:
        """What intake needs to know of it."""
        return SourceFacts(self.code, self.display_name, self.kind, self.path, self.start_date, self.end_date)


class UnknownSource(Entity):
    """A code that no source has, once a day: its row is what lets the event be told once."""

    __tablename__ = "unknown_sources"
    __table_args__ = (unique("unknown_sources_once", "code", "day"),)
    __message__ = None

    code: Mapped[str]
    day: Mapped[date]
