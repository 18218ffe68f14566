"""Refusals about relations between parties."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class RelationKindUnknown(InvalidArgument):
    """Neither built in nor the tenant's own."""

    text = "There is no kind of relation {kind_code}; use one of {known} or add it first."
    field = "relation.kind_code"


class RelationKindInUse(FailedPrecondition):
    """Relations are of this kind."""

    text = "There are relations of kind {kind_code}; end or delete them first."
    field = "id"


class RelationToItself(InvalidArgument):
    """Both ends are the same party."""

    text = "A party cannot be {kind_code} itself; choose another second party."
    field = "relation.to_party_id"


class RelationDatesInvalid(InvalidArgument):
    """It would end before it begins."""

    text = "The relation would end on {end_date}, before it starts on {start_date}; correct one of the two."
    field = "relation.end_date"


class RelationOverlaps(FailedPrecondition):
    """The same relation holds on some of these days."""

    text = "Relation {relation_id} says the same from {start_date} to {end_date}; end it first or choose other days."
    field = "relation.start_date"


class RelationCycle(InvalidArgument):
    """A hierarchy would close on itself."""

    text = "This would make a circle of {kind_code}: {path}. Break it by another party or other days."
    field = "relation.to_party_id"


class RelationEnded(FailedPrecondition):
    """It has an earlier last day."""

    text = "The relation ended on {end_date} already; nothing is left to end on {given}."
    field = "end_date"


class RelationEndsTooEarly(InvalidArgument):
    """The last day lies before the first."""

    text = "The relation starts on {start_date}; it cannot end on {given}."
    field = "end_date"
