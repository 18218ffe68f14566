"""Refusals of profiles."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class PartyProfileNotFound(NotFound):
    """Nothing is known of the party."""

    text = "Nothing is known of party {party_id}, or it is outside your reach."


class TagNotFound(NotFound):
    """The tag is not on the profile."""

    text = "The profile has no tag {tag_code}; list its tags to see which it has."
    field = "tag_code"


class TagHeldByRule(FailedPrecondition):
    """A segment's condition holds the tag."""

    text = "The tag {tag_code} is held by segment {segment_code}; change its condition, or archive it."
    field = "tag_code"


class TagExpiredAlready(InvalidArgument):
    """The tag would fall off before it is on."""

    text = "The tag {tag_code} would have fallen off at {expire_time}; give a later time, or none."
    field = "expire_time"


class ContactPointInvalid(InvalidArgument):
    """A contact point that can reach nobody."""

    text = "{value} is not a contact point of kind {kind}; give a number, an address, or an account with its platform."
    field = "consent.contact_point"
