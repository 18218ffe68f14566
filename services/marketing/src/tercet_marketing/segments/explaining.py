"""Why somebody is in a segment or not, and why a profile carries its tags."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from google.protobuf import json_format

from tercet.marketing.v1 import segment_service_pb2 as pb
from tercet_chassis import Tx
from tercet_chassis.errors import ResourceNotFound
from tercet_chassis.showing import hidden_paths
from tercet_conditions import ConditionError
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments import rules, store
from tercet_marketing.segments.errors import SegmentConditionInvalid
from tercet_marketing.segments.language import judgement
from tercet_marketing.segments.model import Segment
from tercet_marketing.segments.subjects import PROFILE, Subject, subjects


async def explained(tx: Tx, segment: Segment, subject_id: UUID) -> pb.SegmentExplanation:
    """Why somebody fits or not, without values that the caller may not see. Refuses whom the caller may not see."""
    subject = subjects()[segment.subject]
    await _must_reach(tx, subject, subject_id)
    member = await store.member(tx, segment.id, subject_id)
    answer = pb.SegmentExplanation()
    if member is not None:
        shown: Any = tx.render(member)
        answer.member.CopyFrom(shown)
    if segment.kind == "STATIC":
        answer.holds = member is not None and member.state == "IN"
        answer.because = f"{'in' if answer.holds else 'out'}, because members are put in by hand"
        return answer
    own = await store.custom_fields(tx, subject)
    try:
        judging = judgement(subject, segment.condition, segment.time_zone, own)
    except ConditionError as wrong:
        raise SegmentConditionInvalid(detail=str(wrong)) from wrong
    record = (await store.records(tx, subject, [subject_id], sorted(rules.asked_facts(segment.reads))))[0]
    standings = await store.standings(tx, [subject_id])
    record.segments = {row.segment_code for row in standings if row.state == "IN"}
    hidden = await hidden_paths(tx, subject.entity)
    told = judging.at(tx.now()).explained(record)
    answer.holds, answer.because = told.holds, told.told(hidden)
    decisive = {id(leaf) for leaf in told.decisive}
    for leaf in told.leaves:
        answer.terms.add(holds=leaf.holds, decisive=id(leaf) in decisive, words=leaf.told(hidden))
    return answer


async def explained_tags(tx: Tx, profile_id: UUID) -> pb.ExplainProfileTagsResponse:
    """Of each tag what put it on, and of those put on by rule what each segment with that tag says of the profile now.
    Refuses a profile that the caller may not see.
    """
    await _must_reach(tx, PROFILE, profile_id)
    profile = await tx.get(Profile, profile_id)
    by_tag: dict[str, list[Segment]] = {}
    for segment in await store.tagging_segments(tx, [tag["tag_code"] for tag in profile.tags]):
        by_tag.setdefault(segment.tag_code, []).append(segment)
    answer = pb.ExplainProfileTagsResponse()
    for tag in sorted(profile.tags, key=lambda tag: str(tag["tag_code"])):
        told = answer.tags.add()
        json_format.ParseDict(tag, told.tag, ignore_unknown_fields=True)
        for segment in by_tag.get(tag["tag_code"], ()):
            why = told.segments.add(segment_id=str(segment.id), segment_code=segment.code)
            why.explanation.CopyFrom(await _explained_or_why_not(tx, segment, profile_id))
        told.because = _because(tag, told)
    return answer


async def _explained_or_why_not(tx: Tx, segment: Segment, profile_id: UUID) -> pb.SegmentExplanation:
    try:
        return await explained(tx, segment, profile_id)
    except SegmentConditionInvalid as wrong:
        # It keeps its members until it is put right, and hides no other segment's reason.
        answer = pb.SegmentExplanation(because=wrong.message)
        member = await store.member(tx, segment.id, profile_id)
        if member is not None:
            shown: Any = tx.render(member)
            answer.member.CopyFrom(shown)
            answer.holds = member.state == "IN"
        return answer


def _because(tag: dict[str, Any], told: pb.ProfileTagExplanation) -> str:
    if not tag.get("segment_code"):
        return f"put on by {tag['source']}, and only taken off like that"
    inside = [why for why in told.segments if why.explanation.member.state == pb.SegmentMember.IN]
    if inside:
        return "; ".join(f"{why.segment_code}: {why.explanation.because}" for why in inside)
    if tag.get("expire_time"):
        return f"left {tag['segment_code']}, and falls off at {tag['expire_time']}"
    return f"left {tag['segment_code']}, and is taken off within moments"


async def _must_reach(tx: Tx, subject: Subject, id: UUID) -> None:
    if not await store.within_reach(tx, subject, [id]):
        raise ResourceNotFound(type=subject.entity.__name__, id=id)
