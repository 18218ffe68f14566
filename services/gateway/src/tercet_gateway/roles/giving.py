"""Nobody gives more than they hold: the one check behind roles, assignments, API keys and webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from tercet_chassis.principal import Principal
from tercet_gateway.roles.errors import MasksBeyondOwn, RoleBeyondOwn
from tercet_gateway.roles.rules import SAME_PLACE, Grant, Holding, beyond


def check_giving(
    giver: Principal, grants: Iterable[Grant], masks: Iterable[str], holding: Holding = SAME_PLACE
) -> None:
    """Refuses grants that reach further than the giver's own, and the loss of masks that the giver is under."""
    if giver.is_system:
        return
    over = beyond(giver.grants, grants, holding)
    if over:
        raise RoleBeyondOwn(permission=over[0][0], scope=over[0][1])
    shown = giver.masks - set(masks)
    if shown:
        raise MasksBeyondOwn(masks=", ".join(sorted(shown)))
