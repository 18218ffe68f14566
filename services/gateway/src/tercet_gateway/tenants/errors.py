"""Refusals of the tenants' register."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, NotFound, Unauthenticated


class TenantCodeTaken(AlreadyExists):
    """Another tenant has the code, or the tenant is there already."""

    text = "There is a tenant with the code {code} already; choose another code."
    field = "tenant.code"


class TenantUnknown(NotFound):
    """No tenant has the code."""

    text = "There is no tenant {code}; check how it is written."
    field = "tenant"


class TenantSuspended(Unauthenticated):
    """The operator has turned the tenant off."""

    text = "The tenant {code} is suspended; ask whoever runs this system."
