"""Refusals of pools."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


class PoolInUse(FailedPrecondition):
    """Leads went through the pool, and their history names it."""

    text = (
        "Leads went through the pool {pool_code}, so it stays; let no assignment rule name it "
        "and take its fallback mark away."
    )
    field = "id"


class PoolMissing(NotFound):
    """A lead should go into a pool that is not there."""

    text = "There is no pool {pool_code}; choose another or add it."
    field = "pool_code"


class PoolTimesInvalid(InvalidArgument):
    """The warning would come before the lead was claimed."""

    text = "warn_hours must be less than recycle_hours; correct the pool."
    field = "pool.warn_hours"


class ClaimQuotaSpent(ResourceExhausted):
    """The seller holds as many leads of the pool as it allows."""

    text = "You hold {held} leads of the pool {pool_code} and may hold {quota}; follow some up or release them first."


class ClaimTooSoon(FailedPrecondition):
    """The seller gave this lead up a short while ago."""

    text = "You gave this lead up; you may claim it again after {free_time}."
    field = "id"
