"""Who is asking: tenant, subject, grants with record scopes, masks and units, as verified from the internal token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from uuid import UUID

SCOPES = ("own", "unit", "unit_below", "partner", "all", "shared")
EVERYTHING = frozenset({"all"})


def hides(masks: frozenset[str], personal: str) -> bool:
    """Whether masks hide a class of personal data. What came as a whole holds every class, so any mask hides it."""
    return personal in masks or (personal == "RAW" and bool(masks))


def _id(value: Any) -> UUID | None:
    return UUID(value) if value else None


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller. `grants` pairs permission patterns (`leads.lead.*`) with a record scope; roles add up.

    `unit_ids` are all units that roles are held for. Where roles are held for different ones, `grant_units` says for
    each grant which: whoever may work leads in one unit and orders in another may not work leads in both.
    """

    tenant_id: UUID | None
    subject: str
    kind: str = "user"
    grants: tuple[tuple[str, str], ...] = ()
    masks: frozenset[str] = frozenset()
    unit_id: UUID | None = None
    unit_ids: tuple[UUID, ...] = ()
    grant_units: tuple[tuple[UUID, ...], ...] = ()
    partner_party_id: UUID | None = None
    name: str = ""
    locale: str = "en"
    zone: str = "UTC"

    @classmethod
    def system(cls, service: str, tenant_id: UUID | None) -> Principal:
        """A service acting for itself: every permission in that tenant, nothing masked."""
        return cls(tenant_id=tenant_id, subject=service, kind="system", grants=(("*", "all"),))

    @property
    def is_system(self) -> bool:
        """Whether this is a service of ours, not a person or a key."""
        return self.kind == "system"

    @property
    def user_id(self) -> UUID | None:
        """The user's or key's id; None for services and anonymous callers."""
        return _id(self.subject) if self.kind in ("user", "api_key") else None

    def scopes(self, permission: str) -> frozenset[str]:
        """The record scopes in which the permission is held; empty when it is not held at all."""
        return _scopes(self.grants, permission)

    def placed_grants(self) -> list[tuple[tuple[str, str], tuple[UUID, ...]]]:
        """Each grant with the units that it is held for."""
        return list(zip(self.grants, self.grant_units or (self.unit_ids,) * len(self.grants), strict=True))

    def units(self, permission: str, scope: str) -> tuple[UUID, ...]:
        """The units for which the permission is held with this scope."""
        if not self.grant_units:
            return self.unit_ids
        return _units(self.grants, self.grant_units, permission, scope)

    def claims(self) -> dict[str, Any]:
        """As token claims; `from_claims` reads them back."""
        return {
            "tenant": str(self.tenant_id or ""),
            "sub": self.subject,
            "kind": self.kind,
            "grants": [list(grant) for grant in self.grants],
            "grant_units": [[str(unit) for unit in units] for units in self.grant_units],
            "masks": sorted(self.masks),
            "unit": str(self.unit_id or ""),
            "units": [str(unit) for unit in self.unit_ids],
            "partner": str(self.partner_party_id or ""),
            "name": self.name,
            "locale": self.locale,
            "zone": self.zone,
        }

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Principal:
        """Reads verified claims; raises KeyError or ValueError when they are not ours."""
        grants = tuple((str(pattern), str(scope)) for pattern, scope in claims["grants"])
        grant_units = tuple(tuple(map(UUID, units)) for units in claims.get("grant_units", ()))
        if grant_units and len(grant_units) != len(grants):
            raise ValueError("units are named for each grant or for none")
        return cls(
            tenant_id=_id(claims.get("tenant")),
            subject=str(claims["sub"]),
            kind=str(claims["kind"]),
            grants=grants,
            grant_units=grant_units,
            masks=frozenset(claims.get("masks", ())),
            unit_id=_id(claims.get("unit")),
            unit_ids=tuple(UUID(unit) for unit in claims.get("units", ())),
            partner_party_id=_id(claims.get("partner")),
            name=str(claims.get("name", "")),
            locale=str(claims.get("locale", "en")),
            zone=str(claims.get("zone", "UTC")),
        )


@lru_cache(maxsize=20_000)
def _scopes(grants: tuple[tuple[str, str], ...], permission: str) -> frozenset[str]:
    held = frozenset(scope for pattern, scope in grants if fnmatchcase(permission, pattern))
    return EVERYTHING if "all" in held else held


@lru_cache(maxsize=2_000)
def _units(
    grants: tuple[tuple[str, str], ...], grant_units: tuple[tuple[UUID, ...], ...], permission: str, scope: str
) -> tuple[UUID, ...]:
    held = (
        units
        for (pattern, reach), units in zip(grants, grant_units, strict=True)
        if reach == scope and fnmatchcase(permission, pattern)
    )
    return tuple(dict.fromkeys(unit for units in held for unit in units))
