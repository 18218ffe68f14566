"""Refusals of assignment."""

from __future__ import annotations

from tercet_chassis.errors import InvalidArgument


class PoolNotFound(InvalidArgument):
    """The rule names a pool that is not there."""

    text = "There is no pool {pool_code}; add it first or choose another."
    field = "assignment_rule.pool_code"


class PoolNeeded(InvalidArgument):
    """The strategy POOL without a pool."""

    text = "A rule with the strategy POOL needs a pool_code."
    field = "assignment_rule.pool_code"
