"""Conditions on saved views."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_

from tercet_chassis.entity import view
from tercet_chassis.principal import Principal
from tercet_gateway.views.model import TENANT, UNIT, SavedView


def seen_by(principal: Principal) -> list[Any]:
    """The views that somebody sees: own ones, those of the units, those of everybody."""
    columns = view(SavedView).c
    return [
        or_(
            columns.owner_id == principal.user_id,
            columns.sharing == TENANT,
            and_(columns.sharing == UNIT, columns.unit_id.in_(principal.unit_ids)),
        )
    ]
