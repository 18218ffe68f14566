"""Where nothing is sent, who is left alone, and how people like to be addressed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import available_timezones

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, unique
from tercet_marketing.consent.errors import ZoneUnknown


class Suppression(Entity):
    """A contact point to which nothing is sent; `point_key` is its digest."""

    __tablename__ = "suppressions"
    __table_args__ = (unique("suppressions_by_point", "point_key", field="suppression.contact_point"),)

    contact_point: Mapped[dict[str, Any]] = column()
    point_key: Mapped[str]
    cause: Mapped[str | None]
    note: Mapped[str] = column(default="")


class DoNotDisturb(OfParty, Linked, Entity):
    """A wish to be left alone, of whoever is held to be the party."""

    __tablename__ = "do_not_disturbs"
    __table_args__ = (
        unique("do_not_disturbs_by_identity", "identity_id", field="do_not_disturb.identity_id"),
        index("do_not_disturbs_by_party", "party_id"),
    )

    until_time: Mapped[datetime | None]
    transactions_pass: Mapped[bool] = column(default=False)
    source: Mapped[str] = column(default="")
    note: Mapped[str] = column(default="")


class ContactPreference(Linked, Entity):
    """How an identity likes to be addressed."""

    __tablename__ = "contact_preferences"
    __table_args__ = (
        unique("contact_preferences_by_identity", "identity_id"),
        index("contact_preferences_by_party", "party_id", "update_time"),
    )
    __message__: ClassVar[str | None] = None

    language: Mapped[str] = column(default="")
    zone: Mapped[str] = column(default="")

    def choose(self, language: str | None, zone: str | None) -> None:
        """Sets what is given. Refuses a zone that no calendar has."""
        if zone and zone not in available_timezones():
            raise ZoneUnknown(zone=zone)
        self.language = self.language or "" if language is None else language
        self.zone = self.zone or "" if zone is None else zone
