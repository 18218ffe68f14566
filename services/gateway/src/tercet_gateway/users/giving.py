"""What a user's roles come to, and whether the caller may give them or touch somebody who holds them."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.principal import Principal
from tercet_gateway.roles import store as roles
from tercet_gateway.roles.errors import RoleBeyondOwn, RoleUnknown
from tercet_gateway.roles.giving import check_giving
from tercet_gateway.roles.rules import Holding, Relation
from tercet_gateway.units import store as units
from tercet_gateway.units.errors import UnitUnknown
from tercet_gateway.units.rules import is_within
from tercet_gateway.users.errors import UserOutranksCaller
from tercet_gateway.users.model import User


async def check_roles(tx: Tx, user: User) -> None:
    """Refuses unknown roles and units, and roles that allow or show more than the caller's own."""
    wanted = {unit for unit in (*user.assigned_units(), user.unit_id) if unit is not None}
    paths = await units.existing(tx, [*wanted, *tx.principal.unit_ids])
    for unit_id in wanted:
        if unit_id not in paths:
            raise UnitUnknown(unit_id=unit_id)
    known = await roles.by_codes(tx, user.role_codes())
    for assignment in user.roles:
        role = known.get(assignment["role_code"])
        if role is None:
            raise RoleUnknown(role_code=assignment["role_code"])
        held_for = UUID(assignment["unit_id"]) if assignment.get("unit_id") else user.unit_id
        check_giving(
            tx.principal, role.held_grants(), role.masks, partial(_holding, tx.principal, user, held_for, paths)
        )


async def check_outranks(tx: Tx, user: User) -> None:
    """Refuses to let somebody with less touch a user who holds more: a new password would hand the difference over."""
    try:
        await check_roles(tx, user)
    except RoleBeyondOwn as over:
        raise UserOutranksCaller(permission=over.metadata["permission"], scope=over.metadata["scope"]) from over
    except (RoleUnknown, UnitUnknown):
        # What is gone gives nothing; the user stays changeable, or nobody could repair it.
        return


def _holding(
    giver: Principal, user: User, unit_id: UUID | None, paths: dict[UUID, str], own_units: tuple[UUID, ...]
) -> Holding:
    relation: Relation = "outside"
    if unit_id in own_units:
        relation = "same"
    elif unit_id is not None and any(is_within(paths[unit_id], paths[own]) for own in own_units if own in paths):
        relation = "below"
    return Holding(relation, user.partner_party_id is not None and user.partner_party_id == giver.partner_party_id)
