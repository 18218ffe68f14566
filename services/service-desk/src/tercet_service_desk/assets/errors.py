"""Refusals of assets."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, ResourceExhausted


class AssetUnknown(InvalidArgument):
    """Something was to be joined to an asset that there is not."""

    text = "There is no asset {asset_id} in your reach; name another."
    field = "asset_id"


class AssetParentUnknown(InvalidArgument):
    """An asset was to be part of one that there is not."""

    text = "There is no asset {parent_id} in your reach that this could be part of; name another or none."
    field = "asset.parent_id"


class AssetInsideItself(InvalidArgument):
    """An asset was to be part of itself or of one of its parts."""

    text = "An asset cannot be part of itself or of one of its own parts; name another."
    field = "asset.parent_id"


class AssetTooDeep(InvalidArgument):
    """Parts of parts of parts without end."""

    text = "Assets are parts of parts at most {most} deep; make it part of something above."
    field = "asset.parent_id"


class AssetHasParts(FailedPrecondition):
    """An asset was to be deleted of which others are parts."""

    text = "This asset has {count} parts; move or delete them first."
    field = "id"


class AssetHasHistory(FailedPrecondition):
    """An asset was to be deleted that somebody had or that something happened to."""

    text = "This asset has a history; retire it instead."
    field = "id"


class AssetRetired(FailedPrecondition):
    """A retired asset was to be used again."""

    text = "This asset was retired for good; add it anew if it is used again."
    field = "id"


class WarrantyDatesInvalid(InvalidArgument):
    """A warranty that ends before it starts."""

    text = "The warranty ends before it starts, or has an end without a start; correct its days."
    field = "asset.warranty_end_date"


class DayInvalid(InvalidArgument):
    """A day that no calendar has."""

    text = "{day} is no day of the calendar; write it like 2026-03-01."
    field = "day_date"


class AssetPeriodInvalid(InvalidArgument):
    """A time that ends before it begins."""

    text = "The time ends before it begins, or begins in the future; correct it."
    field = "end_time"


class AssetHoldingOverlaps(FailedPrecondition):
    """Somebody has the asset in that role at that time."""

    text = "Somebody has this asset as {role} in that time; end that first or choose another time."
    field = "start_time"


class AssetHoldingEnded(FailedPrecondition):
    """A holding was to be ended that ended earlier."""

    text = "That ended at {end_time} already."
    field = "id"


class AssetDowntimeOverlaps(FailedPrecondition):
    """The asset is known not to work in that time."""

    text = "This asset is known not to work in that time; end that downtime first."
    field = "start_time"


class AssetDowntimeEnded(FailedPrecondition):
    """A downtime was to be ended that is over."""

    text = "That downtime ended at {end_time}."
    field = "id"


class AssetLinkInvalid(InvalidArgument):
    """A link was not signed here, or was renewed since."""

    text = "This code is not valid or no longer; call us instead."
    field = "token"


class AssetReportsThrottled(ResourceExhausted):
    """More reports by one code than anybody needs."""

    text = "This was reported several times in the last hour; we know of it. Call us if it is something else."
