"""Queries of roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select

from tercet_chassis import Tx
from tercet_gateway.roles.model import Role


async def by_codes(tx: Tx, codes: Iterable[str]) -> dict[str, Role]:
    """The roles of those codes that exist."""
    found: Sequence[Role] = (await tx.session.scalars(select(Role).where(Role.code.in_(sorted(set(codes)))))).all()
    return {role.code: role for role in found}


async def holders(tx: Tx, role: Role) -> str | None:
    """Who has the role, in words; None when nobody does. Tables with a `role_code` count, and users' assignments."""
    for table in Role.metadata.sorted_tables:
        columns: Any = table.c
        if "role_code" in columns:
            found = (
                await tx.session.execute(select(columns.id).where(columns.role_code == role.code).limit(1))
            ).first()
        elif "roles" in columns:
            assigned = columns.roles.contains([{"role_code": role.code}])
            found = (await tx.session.execute(select(columns.id).where(assigned).limit(1))).first()
        else:
            continue
        if found:
            return table.name.replace("_", " ")
    return None
