"""Refusals of segments."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class SegmentConditionInvalid(InvalidArgument):
    """A condition that does not parse or asks what there is not; each violation names the place in the tree."""

    text = "The condition cannot be used: {detail}"


class SegmentSubjectUnknown(InvalidArgument):
    """Nothing of that name can be a member."""

    text = "There are no segments of {subject}; use one of {known}."
    field = "segment.subject"


class SegmentZoneUnknown(InvalidArgument):
    """No such time zone."""

    text = "There is no time zone {zone}; give an IANA name such as Asia/Shanghai, or none for the tenant's."
    field = "segment.time_zone"


class SegmentsInACircle(InvalidArgument):
    """Segments that wait for each other, be it for a tag or a stage that follows from them."""

    text = "{circle} would wait for each other in a circle; take one of them, or its tag, out of the condition."
    field = "segment.condition"


class SegmentTagsProfilesOnly(InvalidArgument):
    """Only profiles carry tags."""

    text = "Members of {subject} carry no tags; leave the tag out, or make a segment of profiles."
    field = "segment.tag_code"


class SegmentNotDraft(FailedPrecondition):
    """Only a draft goes live."""

    text = "Segment {code} is {state}; only a draft goes live. Create another with the same condition."
    field = "id"


class SegmentNotLive(FailedPrecondition):
    """A segment without members."""

    text = "Segment {code} is not live; activate it first."
    field = "id"


class SegmentArchivedAlready(FailedPrecondition):
    """An ended segment changes no more."""

    text = "Segment {code} is archived and changes no more; create another."
    field = "id"


class SegmentInUse(FailedPrecondition):
    """A live segment speaks of it."""

    text = "Segment {code} is asked by the live segments {users}; archive or change them first."
    field = "id"


class SegmentNotStatic(FailedPrecondition):
    """Members of a dynamic segment come by its condition."""

    text = "Members of segment {code} come by its condition; change the condition, or use a static segment."
    field = "id"


class MemberFileInvalid(InvalidArgument):
    """A file that does not hold one id a line."""

    text = "Line {line} of the file is no id; write one profile id a line, {most} lines at most."
    field = "file_id"
