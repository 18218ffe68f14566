"""Counters behind the numbers that people use for quotes, contracts and orders."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tercet_chassis.entity import Entity, Mapped, column, unique


class NumberCounter(Entity):
    """Numbers that a selling unit gives to one kind of document in one year.

    Slot 0 hands out blocks of numbers; every other slot is a block that is being used up, `last` its latest number.
    """

    __tablename__ = "number_counters"
    __table_args__ = (unique("number_counters_once", "kind", "seller_unit_id", "year", "slot"),)
    __message__: ClassVar[str | None] = None

    kind: Mapped[str]
    seller_unit_id: Mapped[UUID]
    year: Mapped[int]
    slot: Mapped[int] = column(default=0)
    last: Mapped[int] = column(default=0)
