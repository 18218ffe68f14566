"""Assets, who has them and when they did not work."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, Searchable, column, index, unique
from tercet_service_desk.assets.errors import (
    AssetDowntimeEnded,
    AssetHoldingEnded,
    AssetPeriodInvalid,
    AssetRetired,
    WarrantyDatesInvalid,
)
from tercet_service_desk.assets.rules import Cover, Down, Period, serial_key


class Asset(Owned, Custom, External, Searchable, Entity):
    """An individual thing: IN_STOCK at first, RETIRED for good at last."""

    __tablename__ = "assets"
    __table_args__ = (
        unique("assets_by_serial", "kind_code", "serial_key", field="asset.serial_number"),
        unique("assets_by_external_ref", "external_system", "external_id", field="asset.external_ref"),
        index("assets_by_parent", "parent_id", where="parent_id IS NOT NULL"),
        index("assets_by_product", "product_code"),
        index("assets_by_time", "create_time"),
    )

    kind_code: Mapped[str]
    display_name: Mapped[str]
    serial_number: Mapped[str] = column(default="")
    # What is compared; without a serial number nothing, so that many may have none.
    serial_key: Mapped[str | None]
    product_code: Mapped[str] = column(default="")
    parent_id: Mapped[UUID | None]
    state: Mapped[str] = column(default="IN_STOCK")
    address: Mapped[dict[str, Any] | None]
    place: Mapped[str] = column(default="")
    install_date: Mapped[date | None]
    warranty_start_date: Mapped[date | None]
    warranty_end_date: Mapped[date | None]
    warranty_terms: Mapped[str] = column(default="")
    # Codes of earlier editions are void.
    link_edition: Mapped[int] = column(default=1)

    def check(self) -> None:
        """Keeps the serial number comparable. Refuses a warranty that ends before it starts."""
        self.serial_key = serial_key(self.serial_number or "")
        start, end = self.warranty_start_date, self.warranty_end_date
        if end is not None and (start is None or end < start):
            raise WarrantyDatesInvalid()

    def move(self, state: str) -> None:
        """Moves it in its life. Refused once it is retired."""
        if self.state == "RETIRED":
            raise AssetRetired()
        self.state = state

    @property
    def cover(self) -> Cover:
        """Its own warranty."""
        return Cover(self.id, self.warranty_start_date, self.warranty_end_date, self.warranty_terms or "")


class AssetHolding(Linked, Entity):
    """Somebody who has an asset for a time."""

    __tablename__ = "asset_holdings"
    __table_args__ = (
        index("asset_holdings_by_asset", "asset_id", "start_time"),
        index("asset_holdings_by_party", "party_id"),
        index("asset_holdings_by_identity", "identity_id"),
    )

    asset_id: Mapped[UUID]
    role: Mapped[str]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime | None]

    @property
    def period(self) -> Period:
        """When."""
        return Period(self.start_time, self.end_time)

    def finish(self, end: datetime) -> None:
        """Ends it. Refuses a moment before it began, and one after it ended."""
        if self.end_time is not None and self.end_time <= end:
            raise AssetHoldingEnded(end_time=self.end_time.isoformat())
        if end <= self.start_time:
            raise AssetPeriodInvalid()
        self.end_time = end


class AssetDowntime(Entity):
    """A time in which an asset did not work."""

    __tablename__ = "asset_downtimes"
    __table_args__ = (index("asset_downtimes_by_asset", "asset_id", "start_time"),)

    asset_id: Mapped[UUID]
    start_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    planned: Mapped[bool] = column(default=False)
    reason_code: Mapped[str] = column(default="")
    ticket_id: Mapped[UUID | None]

    @property
    def down(self) -> Down:
        """As the rules see it."""
        return Down(Period(self.start_time, self.end_time), self.planned)

    def finish(self, end: datetime) -> None:
        """Ends it. Refuses a moment before it began, and one that has ended."""
        if self.end_time is not None:
            raise AssetDowntimeEnded(end_time=self.end_time.isoformat())
        if end <= self.start_time:
            raise AssetPeriodInvalid()
        self.end_time = end
