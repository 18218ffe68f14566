"""Refusals of the unit tree."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, PermissionDenied


class UnitParentMissing(FailedPrecondition):
    """A unit without a parent, or with one that does not exist."""

    text = "The parent unit {parent_id} does not exist; name an existing unit. Only the root has none."
    field = "unit.parent_id"


class UnitCannotStandThere(FailedPrecondition):
    """The place would close a circle, put something below a team, or make the tree too deep."""

    text = "The unit {code} cannot stand below {parent_code}: {cause}. Choose another parent."
    field = "parent_id"


class UnitIsRoot(FailedPrecondition):
    """The root can be neither moved nor deleted."""

    text = "The unit {code} is the root of the tree and stays; work on a unit below it."
    field = "id"


class UnitInUse(FailedPrecondition):
    """Something belongs to the unit."""

    text = "The unit {code} cannot be deleted while {users} belong to it; move them first, or set its end_date."
    field = "id"


class UnitUnknown(FailedPrecondition):
    """Something names a unit that does not exist."""

    text = "There is no unit {unit_id}; name an existing one."
    field = "unit_id"


class DatesReversed(InvalidArgument):
    """A period ends before it begins."""

    text = "It ends on {end_date}, before it begins on {start_date}; correct one of the two."
    field = "end_date"


class ZoneUnknown(InvalidArgument):
    """A time zone that does not exist."""

    text = "There is no time zone {zone}; use a name of the IANA database, such as Asia/Shanghai."
    field = "zone"


class UnitOutsideReach(PermissionDenied):
    """The caller's roles do not reach the unit."""

    text = (
        "The unit {unit_id} is outside the reach of your roles; choose one of your own, or ask somebody who reaches it."
    )
    field = "unit_id"
