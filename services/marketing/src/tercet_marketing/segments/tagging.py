"""Tags by rule: members of a segment with a tag carry it for as long as they are in.

A tag is put where the standings of the moment say, so it makes no difference which events tell of them, or how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from google.protobuf import json_format

from tercet.marketing.v1 import events_pb2 as events
from tercet.marketing.v1.profile_service_pb2 import ProfileTag
from tercet_chassis import Tx
from tercet_marketing.profiles.jobs import expire_tag
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.tagging import remember
from tercet_marketing.segments import store
from tercet_marketing.segments.store import Tagging


async def carry(tx: Tx, moved: Iterable[tuple[UUID, str]], untagged: Iterable[tuple[UUID, str]]) -> None:
    """Puts tags right: of who moved in a segment (profile, segment), and of who lost a tag (profile, tag)."""
    by_segment = {one.code: one for one in await store.tagging(tx)}
    tags = {one.tag_code for one in by_segment.values()}
    wanted = {(id, by_segment[code].tag_code) for id, code in moved if code in by_segment}
    wanted |= {(id, tag_code) for id, tag_code in untagged if tag_code in tags}
    if not wanted:
        return
    inside = await store.inside(tx, {id for id, _ in wanted}, by_segment)
    for profile in await store.profiles_held(tx, {id for id, _ in wanted}):
        for tag_code in sorted(code for id, code in wanted if id == profile.id):
            holding = [
                one for one in by_segment.values() if one.tag_code == tag_code and (profile.id, one.code) in inside
            ]
            _settle(tx, profile, tag_code, holding, by_segment)


def _settle(
    tx: Tx, profile: Profile, tag_code: str, holding: Sequence[Tagging], by_segment: dict[str, Tagging]
) -> None:
    if holding:
        fresh = profile.hold_tag(tag_code, holding[0].code, tx.now())
        if fresh is not None:
            remember(tx, profile, tag_code, "ADDED", "rule", holding[0].code)
            tx.emit(events.TagAdded, profile, tag=json_format.ParseDict(fresh, ProfileTag()))
        return
    held = profile.held_tag(tag_code)
    if held is None:
        return
    left = by_segment.get(held["segment_code"])
    if left is not None and left.tag_keep_days:
        expire = tx.now() + timedelta(days=left.tag_keep_days)
        profile.let_tag_go(tag_code, expire)
        key = f"tag:{profile.id}:{tag_code}"
        tx.schedule(expire_tag, due=expire, key=key, profile_id=str(profile.id), tag_code=tag_code)
        return
    profile.remove_tag(tag_code, by_rule=True)
    remember(tx, profile, tag_code, "REMOVED", "rule", held["segment_code"])
    tx.emit(events.TagRemoved, profile, tag_code=tag_code)
