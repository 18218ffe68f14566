"""Reservations of benefits, and promotions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, money, unique
from tercet_chassis.money import Money
from tercet_marketing.till.errors import PromotionCrossed, ReservationEnded


class BenefitReservation(Linked, OfParty, Entity):
    """Benefits that are kept for an order."""

    __tablename__ = "benefit_reservations"
    __table_args__ = (
        unique("benefit_reservations_by_key", "key", field="key"),
        index("benefit_reservations_by_party", "party_id"),
        index("benefit_reservations_by_reference", "reference"),
    )

    key: Mapped[str]
    reference: Mapped[str]
    state: Mapped[str] = column(default="RESERVED")
    adjustments: Mapped[list[Any]] = column(default=list)
    applied: Mapped[list[Any]] = column(default=list)
    withheld: Mapped[list[Any]] = column(default=list)
    total: Mapped[Money | None] = money("total")
    # What was asked for, to tell a repetition from another order.
    digest: Mapped[str]
    expire_time: Mapped[datetime]
    confirm_time: Mapped[datetime | None]
    release_time: Mapped[datetime | None]

    @property
    def ended(self) -> bool:
        """Whether it was given back."""
        return self.state in ("RELEASED", "EXPIRED")

    def confirm(self, now: datetime) -> bool:
        """Becomes final; False when it was. Refuses what was given back and what is over."""
        if self.state == "CONFIRMED":
            return False
        if self.ended or now >= self.expire_time:
            raise ReservationEnded(key=self.key)
        self.state, self.confirm_time = "CONFIRMED", now
        return True

    def release(self, now: datetime, *, expired: bool) -> None:
        """Is given back."""
        self.state, self.release_time = "EXPIRED" if expired else "RELEASED", now


class EndedBenefitKey(Entity):
    """A key that was released before anything was kept under it: what comes late is refused."""

    __tablename__ = "ended_benefit_keys"
    __message__ = None
    __table_args__ = (unique("ended_benefit_keys_by_key", "key", field="key"),)

    key: Mapped[str]


class Promotion(Entity):
    """A benefit for every order while it runs."""

    __tablename__ = "promotions"
    __table_args__ = (unique("promotions_by_code", "code", field="promotion.code"),)

    code: Mapped[str]
    display_name: Mapped[str]
    tool_code: Mapped[str]
    policy_code: Mapped[str] = column(default="")
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    active: Mapped[bool] = column(default=True)
    campaign_id: Mapped[UUID | None]

    def check_times(self) -> None:
        """Refuses one that ends before it begins."""
        if self.start_time is not None and self.end_time is not None and self.end_time <= self.start_time:
            raise PromotionCrossed()
