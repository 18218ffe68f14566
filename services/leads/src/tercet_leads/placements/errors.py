"""Refusals of placements."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class PlacementNotFound(NotFound):
    """No placement has this short code."""

    text = "No placement has the short code {short_code}; check the link."
    field = "short_code"


class PlacementInUse(FailedPrecondition):
    """It was scanned, or leads came by it."""

    text = "The placement {placement_id} was used and cannot be deleted; set its expire_time instead."
    field = "id"


class SourceNotFound(InvalidArgument):
    """The placement's source is not there."""

    text = "There is no source {source_code}; add it first or choose another."
    field = "placement.source_code"


class PlacementTimesInvalid(InvalidArgument):
    """It expires before it starts."""

    text = "The placement expires before it starts; correct start_time or expire_time."
    field = "placement.expire_time"
