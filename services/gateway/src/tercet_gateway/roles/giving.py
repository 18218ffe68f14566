"""Nobody gives more than they hold: the one check behind roles, assignments, API keys and webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from tercet_chassis.principal import Principal
from tercet_gateway.roles.errors import MasksBeyondOwn, RoleBeyondOwn
from tercet_gateway.roles.rules import SAME_PLACE, Grant, Holding, beyond


def check_giving(
    giver: Principal,
    grants: Iterable[Grant],
    masks: Iterable[str],
    holding: Callable[[tuple[UUID, ...]], Holding] = lambda _: SAME_PLACE,
) -> None:
    """Refuses grants that reach further than the giver's own, and the loss of masks that the giver is under.

    `holding` says of the units that a grant of the giver is held for how the place lies that the new ones are to be
    held for: a right in one unit gives nothing away in another.
    """
    if giver.is_system:
        return
    over = list(grants)
    for mine, units in giver.placed_grants():
        over = beyond([mine], over, holding(units))
    if over:
        raise RoleBeyondOwn(permission=over[0][0], scope=over[0][1])
    shown = giver.masks - set(masks)
    if shown:
        raise MasksBeyondOwn(masks=", ".join(sorted(shown)))
