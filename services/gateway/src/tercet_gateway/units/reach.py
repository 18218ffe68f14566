"""Which units a caller's roles reach: for where something is put, as record scopes are for what is found."""

from __future__ import annotations

from uuid import UUID

from tercet_chassis import Tx
from tercet_gateway.units import store
from tercet_gateway.units.errors import UnitOutsideReach
from tercet_gateway.units.rules import is_within


async def check_reach(tx: Tx, unit_id: UUID | None) -> None:
    """Refuses a unit that the permission in force does not reach; roles that reach everything reach no unit, too."""
    held = tx.principal.scopes(tx.context.permission) if tx.context.permission else frozenset({"all"})
    if "all" in held or tx.principal.is_system:
        return
    permission = tx.context.permission
    if unit_id is not None and "unit" in held and unit_id in tx.principal.units(permission, "unit"):
        return
    if unit_id is not None and "unit_below" in held:
        own = tx.principal.units(permission, "unit_below")
        paths = await store.existing(tx, [unit_id, *own])
        if unit_id in paths and any(is_within(paths[unit_id], paths[unit]) for unit in own if unit in paths):
            return
    raise UnitOutsideReach(unit_id=unit_id or "(none)")
