"""Dated relations between two parties, and the tenant's own kinds of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Mapped, Owned, column, index, unique
from tercet_sales.relations.errors import RelationDatesInvalid, RelationEnded, RelationEndsTooEarly, RelationToItself
from tercet_sales.relations.rules import Edge, KindRules, Period


class RelationKind(Entity):
    """A kind of relation of the tenant, or its rules for one that is built in."""

    __tablename__ = "relation_kinds"
    __table_args__ = (unique("relation_kinds_by_code", "code", field="relation_kind.code"),)

    code: Mapped[str]
    name: Mapped[str]
    inverse_name: Mapped[str | None]
    exclusive: Mapped[bool] = column(default=False)
    hierarchical: Mapped[bool] = column(default=False)

    def rules(self) -> KindRules:
        """How relations of this kind behave."""
        return KindRules(self.code, self.exclusive, self.hierarchical)


class Relation(Owned, Custom, External, Entity):
    """What one party is to another, from a day to a day."""

    __tablename__ = "relations"
    __table_args__ = (
        index("relations_by_first", "from_party_id", "kind_code"),
        index("relations_by_second", "to_party_id", "kind_code"),
        index("relations_by_kind", "kind_code"),
        index("relations_by_first_identity", "from_identity_id"),
        index("relations_by_second_identity", "to_identity_id"),
        unique("relations_by_external", "external_system", "external_id", field="relation.external_ref"),
    )

    kind_code: Mapped[str]
    from_identity_id: Mapped[UUID]
    from_party_id: Mapped[UUID]
    to_identity_id: Mapped[UUID]
    to_party_id: Mapped[UUID]
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    remark: Mapped[str | None]

    @property
    def edge(self) -> Edge:
        """As the rules see it."""
        return Edge(self.id, self.from_party_id, self.to_party_id, Period(self.start_date, self.end_date))

    def check(self) -> None:
        """Refuses a relation of a party to itself and one that ends before it begins."""
        if self.from_party_id == self.to_party_id:
            raise RelationToItself(kind_code=self.kind_code)
        if not self.edge.period.valid:
            raise RelationDatesInvalid(start_date=self.start_date, end_date=self.end_date)

    def end(self, day: date) -> None:
        """Gives it its last day. Refuses a day before its first, and one after the last day it has already."""
        if self.start_date is not None and day < self.start_date:
            raise RelationEndsTooEarly(start_date=self.start_date, given=day)
        if self.end_date is not None and self.end_date < day:
            raise RelationEnded(end_date=self.end_date, given=day)
        self.end_date = day
