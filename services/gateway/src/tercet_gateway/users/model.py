"""Users, their secrets and employees as rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Mapped, Owned, Searchable, column, index, unique
from tercet_gateway.units.model import check_period, check_zone
from tercet_gateway.users.rules import email_key

ACTIVE, DISABLED = "ACTIVE", "DISABLED"


class User(Owned, Searchable, Entity):
    """A person who signs in, and owns the own record. `session_epoch` grows when all sessions shall end."""

    __tablename__ = "users"
    __table_args__ = (unique("users_by_email", "email_key", field="user.email"), index("users_by_unit", "unit_id"))

    email: Mapped[str]
    email_key: Mapped[str] = column(default="")
    display_name: Mapped[str]
    locale: Mapped[str] = column(default="")
    zone: Mapped[str] = column(default="")
    state: Mapped[str] = column(default=ACTIVE)
    roles: Mapped[list[Any]] = column(default=list)
    sign_in_time: Mapped[datetime | None]
    session_epoch: Mapped[int] = column(default=0)

    def check(self) -> None:
        """Brings the address into its one form. Refuses an unknown time zone."""
        self.owner_id = self.id
        self.email = self.email.strip()
        self.email_key = email_key(self.email)
        check_zone(self.zone)

    def join(self, unit_id: UUID, roles: list[dict[str, Any]]) -> None:
        """Belongs to the unit and holds these roles for it."""
        self.unit_id, self.roles = unit_id, roles
        self.check()

    def assigned_units(self) -> list[UUID]:
        """The units that the roles are held for, without repetition."""
        return list(dict.fromkeys(unit for _, unit in self.assignments() if unit is not None))

    def assignments(self) -> list[tuple[str, UUID | None]]:
        """Each role's code with the unit that it is held for: the user's own where none is named."""
        return [
            (role["role_code"], UUID(role["unit_id"]) if role.get("unit_id") else self.unit_id) for role in self.roles
        ]

    def role_codes(self) -> list[str]:
        """The roles' codes."""
        return [role["role_code"] for role in self.roles]

    def end_sessions(self) -> None:
        """No session begun so far is taken any more."""
        self.session_epoch += 1

    def disable(self) -> None:
        """Shuts the user out; a second time changes nothing."""
        if self.state != DISABLED:
            self.state = DISABLED
            self.end_sessions()

    def enable(self) -> None:
        """Lets the user in again."""
        self.state = ACTIVE


class Credential(Entity):
    """A user's password, hashed. Kept apart from the user, so that no list or event comes near it."""

    __tablename__ = "credentials"
    __table_args__ = (unique("credentials_by_user", "user_id"),)
    __message__ = None

    user_id: Mapped[UUID]
    # A document rather than a text: audit rows then keep a digest of it instead of the hash.
    password: Mapped[dict[str, Any]]


class Employee(Owned, Custom, External, Searchable, Entity):
    """A person working in a unit; the record is the user's own."""

    __tablename__ = "employees"
    __table_args__ = (
        unique("employees_by_user", "user_id", "unit_id", field="employee.user_id"),
        unique("employees_by_number", "number", field="employee.number"),
        unique("employees_by_external", "external_system", "external_id", field="employee.external_ref"),
        index("employees_by_unit", "unit_id"),
    )

    user_id: Mapped[UUID | None]
    display_name: Mapped[str]
    number: Mapped[str | None]
    position: Mapped[str] = column(default="")
    skills: Mapped[list[str]] = column(default=list)
    territories: Mapped[list[str]] = column(default=list)
    capacity: Mapped[int] = column(default=0)
    active: Mapped[bool] = column(default=False)
    zone: Mapped[str] = column(default="")
    languages: Mapped[list[str]] = column(default=list)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]

    def check(self) -> None:
        """Refuses reversed dates and an unknown time zone."""
        self.owner_id = self.user_id
        check_period(self.start_date, self.end_date)
        check_zone(self.zone)
