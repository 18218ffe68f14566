"""Tenants as rows: each behind its own fence, and the register that finds one by its code before anybody is known."""

from __future__ import annotations

from tercet_chassis.entity import Entity, Mapped, column, unique
from tercet_gateway.tenants.errors import TenantSuspended

ACTIVE, SUSPENDED = "ACTIVE", "SUSPENDED"


class Tenant(Entity):
    """A company that uses Tercet; its id is its tenant id."""

    __tablename__ = "tenants"

    code: Mapped[str]
    name: Mapped[str]
    state: Mapped[str] = column(default=ACTIVE)
    locale: Mapped[str]
    zone: Mapped[str]
    reporting_currency: Mapped[str]
    region: Mapped[str]

    def check_active(self) -> None:
        """Refuses everybody while the tenant is suspended."""
        if self.state != ACTIVE:
            raise TenantSuspended(code=self.code)


class RegisteredTenant(Entity):
    """A tenant's code in the register. Its rows belong to nobody, so that they are seen before a tenant is known."""

    __tablename__ = "registered_tenants"
    __table_args__ = (unique("registered_tenants_by_code", "code", field="tenant.code"),)
    __message__ = None

    code: Mapped[str]
