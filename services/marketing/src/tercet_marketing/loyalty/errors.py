"""Refusals of loyalty."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class LoyaltyProgrammeUnknown(InvalidArgument):
    """No programme has the code."""

    text = "There is no points programme {programme_code}; create it, or name one that there is."
    field = "programme_code"


class LoyaltyProgrammeInUse(FailedPrecondition):
    """A programme with members."""

    text = "The programme {code} has members, whose points would be lost; make it inactive instead."


class LoyaltyProgrammeInvalid(InvalidArgument):
    """A rule of the programme cannot be used."""

    text = "The programme cannot be used: {detail}"


class LoyaltyProgrammeInactive(FailedPrecondition):
    """A programme in which nothing is earned any more."""

    text = "The programme {programme_code} is not active; nothing is earned in it, points can still be burned."


class TimeZoneUnknown(InvalidArgument):
    """Not a zone of the tz database."""

    text = "{time_zone} is no time zone; give one such as Asia/Shanghai."


class PointsInsufficient(FailedPrecondition):
    """The party has fewer points that can be used now."""

    text = "{available} points can be used now, {points} are asked for; take fewer, or wait for {pending} pending ones."
    field = "points"


class PointsNotPositive(InvalidArgument):
    """No points, or fewer than none."""

    text = "{points} points cannot be booked; give a number above zero."
    field = "points"


class PointsTooFine(InvalidArgument):
    """More decimals than the programme's points have."""

    text = "{points} is finer than the programme's {digits} decimals; round it first."
    field = "points"


class PointsKeyReused(AlreadyExists):
    """A key that names something else."""

    text = "The key {key} names another booking of points; use a key that follows from what happened."
    field = "key"


class PointsEntryUnknown(NotFound):
    """Nothing was booked under the key or id."""

    text = "Nothing was booked under {key}; there is nothing to reverse."


class PointsEntryNotReversible(FailedPrecondition):
    """Only what was earned or burned is reversed."""

    text = "A booking of kind {kind} cannot be reversed; adjust the points instead, with the reason."


class PointsReversedAlready(FailedPrecondition):
    """More would be reversed than is left of it."""

    text = "Of this booking {left} points are left to reverse, {points} are asked for."
    field = "points"


class PointsReversedInPart(InvalidArgument):
    """A part of what was burned."""

    text = "What was burned goes back as a whole, {points} points; leave the number out."
    field = "points"


class PointsTransferToSelf(InvalidArgument):
    """Both memberships belong to one party."""

    text = "Both memberships belong to the same party, whose points are one sum already; name somebody else's."
    field = "to_membership_id"


class PointsTransferBetweenProgrammes(InvalidArgument):
    """Points of one programme are none of another."""

    text = "The memberships are of {programme_code} and {to_programme_code}; points stay in their programme."
    field = "to_membership_id"
