"""Tags by rule: put on and taken off with a segment, beside those of people, each change told why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from google.protobuf.struct_pb2 import Struct

from support.sending import profile_id, somebody
from tercet.marketing.v1 import segment_service_pb2 as pb
from tercet.marketing.v1.profile_service_pb2 import (
    AddTagRequest,
    GetProfileRequest,
    ListTagHistoryRequest,
    RemoveTagRequest,
    TagChange,
)
from tercet_chassis.testing import Client, refused


def tagged(code: str) -> dict[str, Any]:
    return {"path": "tag_codes", "op": ":", "value": code}


async def segment(marketing: Client, code: str, condition: dict[str, Any], **more: Any) -> pb.Segment:
    struct = Struct()
    struct.update(condition)
    wanted = pb.Segment(code=code, display_name=code, condition=struct, **more)
    made: pb.Segment = await marketing.CreateSegment(pb.CreateSegmentRequest(segment=wanted))
    return made


async def live(marketing: Client, code: str, condition: dict[str, Any], **more: Any) -> pb.Segment:
    made = await segment(marketing, code, condition, **more)
    await marketing.ActivateSegment(pb.ActivateSegmentRequest(id=made.id))
    await marketing.settled()
    return made


async def add(marketing: Client, id: str, code: str) -> None:
    await marketing.AddTag(AddTagRequest(id=id, tag_code=code))
    await marketing.settled()


async def remove(marketing: Client, id: str, code: str) -> None:
    await marketing.RemoveTag(RemoveTagRequest(id=id, tag_code=code))
    await marketing.settled()


async def tags(marketing: Client, id: str) -> dict[str, str]:
    profile = await marketing.GetProfile(GetProfileRequest(id=id))
    return {tag.tag_code: tag.segment_code or tag.source for tag in profile.tags}


async def reasons(marketing: Client, id: str) -> dict[str, str]:
    told = await marketing.ExplainProfileTags(pb.ExplainProfileTagsRequest(profile_id=id))
    return {one.tag.tag_code: one.because for one in told.tags}


async def history(marketing: Client, id: str, code: str) -> list[tuple[str, str]]:
    told = await marketing.ListTagHistory(ListTagHistoryRequest(id=id))
    name = TagChange.Action.Name
    return [(name(one.action), one.segment_code or one.source) for one in told.changes if one.tag_code == code][::-1]


async def test_members_get_the_tag_and_lose_it_and_its_history_says_by_what(marketing: Client) -> None:
    fang = await profile_id(marketing, await somebody(marketing, "王芳"))
    await add(marketing, fang, "guest")
    care = await live(marketing, "care", tagged("guest"), tag_code="vip")
    assert await tags(marketing, fang) == {"guest": "manual", "vip": "care"}
    explained = await marketing.ExplainSegmentMember(pb.ExplainSegmentMemberRequest(id=care.id, subject_id=fang))
    assert "tag_codes" in explained.because
    assert await reasons(marketing, fang) == {
        "guest": "put on by manual, and only taken off like that",
        "vip": f"care: {explained.because}",
    }
    with refused("TAG_HELD_BY_RULE", "tag_code"):
        await marketing.RemoveTag(RemoveTagRequest(id=fang, tag_code="vip"))
    # A segment may ask what another one's rule has put on.
    await live(marketing, "care-of-vips", tagged("vip"), tag_code="looked_after")
    assert "looked_after" in await tags(marketing, fang)
    await remove(marketing, fang, "guest")
    assert await tags(marketing, fang) == {}
    assert await history(marketing, fang, "vip") == [("ADDED", "care"), ("REMOVED", "care")]


async def test_a_tag_put_on_by_hand_stays_whatever_the_rule_says(marketing: Client) -> None:
    fang = await profile_id(marketing, await somebody(marketing, "王芳"))
    await add(marketing, fang, "vip")
    await add(marketing, fang, "guest")
    await live(marketing, "care", tagged("guest"), tag_code="vip")
    assert await tags(marketing, fang) == {"guest": "manual", "vip": "manual"}
    await remove(marketing, fang, "vip")  # by hand no more, but the rule still says so
    assert (await tags(marketing, fang))["vip"] == "care"
    await add(marketing, fang, "vip")
    await remove(marketing, fang, "guest")
    assert await tags(marketing, fang) == {"vip": "manual"}


async def test_a_tag_of_two_segments_stays_until_both_are_left_and_decays_after_its_days(marketing: Client) -> None:
    fang = await profile_id(marketing, await somebody(marketing, "王芳"))
    await add(marketing, fang, "one")
    await add(marketing, fang, "two")
    first = await live(marketing, "a", tagged("one"), tag_code="vip")
    await live(marketing, "b", tagged("two"), tag_code="vip", tag_keep_days=1)
    await marketing.ArchiveSegment(pb.ArchiveSegmentRequest(id=first.id))
    await marketing.settled()
    assert (await tags(marketing, fang))["vip"] == "b"
    await remove(marketing, fang, "two")
    assert (await tags(marketing, fang))["vip"] == "b"
    assert (await reasons(marketing, fang))["vip"].startswith("left b, and falls off at ")
    clock = marketing.running.runtime.clock
    clock.advance(clock.now() + timedelta(hours=25))
    try:
        await marketing.settled()
        assert await tags(marketing, fang) == {"one": "manual"}
        assert await history(marketing, fang, "vip") == [("ADDED", "a"), ("EXPIRED", "b")]
    finally:
        clock.release()


async def test_no_tag_waits_for_itself(marketing: Client) -> None:
    for condition in ({"not": tagged("vip")}, {"path": "tag_codes", "op": "exists"}):
        with refused("SEGMENTS_IN_A_CIRCLE"):
            await segment(marketing, "self", condition, tag_code="vip")
    with refused("SEGMENTS_IN_A_CIRCLE"):  # stages may follow from any tag
        await segment(marketing, "lost", {"path": "lifecycle_code", "value": "churned"}, tag_code="lost")
    await segment(marketing, "a", tagged("x"), tag_code="y")
    with refused("SEGMENTS_IN_A_CIRCLE"):
        await segment(marketing, "b", {"member_of": "a"}, tag_code="x")
