"""Counters behind the numbers that people use for quotes, contracts and orders."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, unique


class NumberCounter(Entity):
    """The last number that a selling unit gave to one kind of document in one year."""

    __tablename__ = "number_counters"
    __table_args__ = (unique("number_counters_once", "kind", "seller_unit_id", "year"),)
    __message__: ClassVar[str | None] = None

    kind: Mapped[str]
    seller_unit_id: Mapped[UUID]
    year: Mapped[int]
    last: Mapped[int] = column(default=0)
