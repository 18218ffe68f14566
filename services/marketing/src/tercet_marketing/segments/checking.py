"""A condition that is being saved or tried, judged by what its author may ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tercet_chassis import Tx
from tercet_chassis.errors import Violation
from tercet_chassis.showing import hidden_paths
from tercet_conditions import ConditionError, parse_json, parse_text, to_json, to_text
from tercet_marketing.segments import rules, store
from tercet_marketing.segments.errors import (
    SegmentConditionInvalid,
    SegmentNotLive,
    SegmentsInACircle,
    SegmentSubjectUnknown,
    SegmentTagsProfilesOnly,
    SegmentZoneUnknown,
)
from tercet_marketing.segments.language import Judgement, kinds_of, schema_of
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.subjects import PROFILE, Subject, subjects


def subject_of(code: str) -> Subject:
    """The subject of that code, profiles when there is none. Refuses an unknown one."""
    found = subjects().get(code or "profile")
    if found is None:
        raise SegmentSubjectUnknown(subject=code, known=", ".join(sorted(subjects())))
    return found


async def zone_of(tx: Tx, name: str) -> str:
    """The zone that days are counted in. Refuses one that there is not."""
    if not name:
        return (await tx.known.zone_and_currency(tx.principal.unit_id))[0] or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise SegmentZoneUnknown(zone=name) from unknown
    return name


async def judged(
    tx: Tx,
    subject: Subject,
    condition: dict[str, Any],
    text: str,
    zone: str,
    codes: Collection[str] | None,
    field: str = "segment.condition",
) -> Judgement:
    """Reads a condition, the tree or the text. Refuses every fault with its place, masked fields included."""
    hidden = await hidden_paths(tx, subject.entity)
    own = await store.custom_fields(tx, subject, masks=tx.principal.masks)
    schema, kinds = schema_of(subject, own, hidden), kinds_of(subject, codes)
    try:
        if text and not condition:
            field = field.replace("condition", "condition_text")
            tree = parse_text(text, schema)
        else:
            tree = parse_json(condition or {"all": []}, schema, kinds=kinds)
    except ConditionError as wrong:
        violations = [Violation(field, str(problem.reason), str(problem)) for problem in wrong.problems]
        raise SegmentConditionInvalid(detail=str(wrong), violations=violations) from wrong
    return Judgement(subject, tree, schema, ZoneInfo(zone))


async def settle(tx: Tx, segment: Segment, text: str) -> None:
    """Gives a segment the condition it was sent, in both its forms. Refuses what cannot be judged, and circles."""
    subject = subject_of(segment.subject)
    segment.subject = subject.code
    segment.kind = "STATIC" if segment.kind == "STATIC" else "DYNAMIC"
    segment.time_zone = await zone_of(tx, segment.time_zone)
    others = await store.reads_by_code(tx, subject.code)
    codes = others.keys() | {segment.code}
    judging = await judged(tx, subject, dict(segment.condition or {}), text, segment.time_zone, codes)
    segment.condition = to_json(judging.tree, kinds=kinds_of(subject))
    segment.condition_text = text_of(judging)
    segment.reads = sorted(judging.reads)
    if segment.tag_code and subject is not PROFILE:
        raise SegmentTagsProfilesOnly(subject=subject.code)
    asking = await store.asking(tx, subject.code)
    tags = rules.asked_tags(segment.condition)
    asking[segment.code] = rules.Asking(frozenset(segment.reads), tags, segment.tag_code)
    way = rules.circle(segment.code, rules.follows_from(asking))
    if way:
        raise SegmentsInACircle(circle=" → ".join(way))
    if segment.state == "LIVE":
        await check_asked(tx, segment)


async def check_asked(tx: Tx, segment: Segment) -> None:
    """Refuses to be live beside segments that it asks and that are not."""
    others = await store.reads_by_code(tx, segment.subject)
    for code in sorted(rules.asked_segments(segment.reads)):
        if others.get(code, ("", []))[0] != "LIVE":
            raise SegmentNotLive(code=code)


def text_of(judging: Judgement) -> str:
    """The AIP-160 form of a condition; empty when it has none."""
    try:
        return to_text(judging.tree)
    except ConditionError:
        return ""  # facts, lists and segments can be asked in JSON only
