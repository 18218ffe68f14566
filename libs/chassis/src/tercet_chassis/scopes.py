"""Record scopes as SQL: one condition that get, list, search, count and export share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from tercet_chassis.entity import Entity, Linked, OfParty, Owned, view
from tercet_chassis.principal import Principal
from tercet_chassis.tables import shares, units


def reach(entity: type[Entity], columns: Any, principal: Principal, permission: str) -> ColumnElement[bool]:
    """The rows of `entity` that the principal may touch with this permission; `columns` is the table or view that is
    read.
    """
    held = principal.scopes(permission) if permission else frozenset({"all"})
    if "all" in held or principal.is_system:
        return true()
    if issubclass(entity, Owned):
        return _in_scopes(permission, entity, columns, principal)
    if issubclass(entity, OfParty):
        party = getattr(columns, entity.__party__)
        return or_(false(), *(_about(party, one, permission, principal) for one in _belonging(entity)))
    # Configuration and catalogue rows belong to nobody: whoever holds the permission at all sees them.
    return true() if held else false()


def _in_scopes(permission: str, entity: type[Entity], columns: Any, principal: Principal) -> ColumnElement[bool]:
    held = sorted(principal.scopes(permission))
    return or_(false(), *(_one(scope, entity, columns, principal, permission) for scope in held))


@cache
def _belonging(entity: type[Entity]) -> tuple[type[Entity], ...]:
    """The entities of the same service whose rows are about a party and belong to somebody."""
    service = entity.__module__.split(".")[0]
    return tuple(
        one
        for one in _entities(Entity)
        if issubclass(one, Linked) and issubclass(one, Owned) and one.__module__.split(".")[0] == service
    )


def _entities(above: type[Entity]) -> Iterator[type[Entity]]:
    for one in above.__subclasses__():
        if "__tablename__" in one.__dict__:
            yield one
        yield from _entities(one)


def _about(party: Any, entity: type[Entity], permission: str, principal: Principal) -> ColumnElement[bool]:
    rows = view(entity).alias()
    return exists().where(rows.c.party_id == party, _in_scopes(permission, entity, rows.c, principal))


def _one(scope: str, entity: type[Entity], columns: Any, principal: Principal, permission: str) -> Any:
    held_for = principal.units(permission, scope)
    # What is somebody's own they reach wherever it stands: work that is given to them may have no unit, or another.
    own = columns.owner_id == principal.user_id if principal.user_id else false()
    if scope == "own":
        return own
    if scope == "unit":
        return or_(own, columns.unit_id.in_(held_for))
    if scope == "unit_below":
        roots = units.alias("roots")
        below = units.alias("below")
        inside = (
            select(below.c.id)
            .join(roots, and_(below.c.tenant_id == roots.c.tenant_id, below.c.path.startswith(roots.c.path)))
            .where(roots.c.tenant_id == principal.tenant_id, roots.c.id.in_(held_for))
        )
        return or_(own, columns.unit_id.in_(held_for), columns.unit_id.in_(inside))
    if scope == "partner":
        return columns.partner_party_id == principal.partner_party_id if principal.partner_party_id else false()
    if scope == "shared":
        return exists().where(
            shares.c.tenant_id == principal.tenant_id,
            shares.c.resource_type == entity.__tablename__,
            shares.c.resource_id == columns.id,
            shares.c.subject.in_([principal.subject, *map(str, held_for)]),
        )
    return false()
