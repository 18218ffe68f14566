"""Tags fall off at their time."""

from __future__ import annotations

from datetime import datetime

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Tx, job
from tercet_marketing.profiles.model import Profile
from tercet_marketing.profiles.tagging import remember


@job
async def expire_tag(tx: Tx, profile_id: str, tag_code: str) -> None:
    """Takes off a tag whose time has come; one that was lengthened or taken off meanwhile is left as it is."""
    profile = await tx.find(Profile, profile_id, lock=True)
    tag = None if profile is None else profile.tag(tag_code)
    expire = None if tag is None else tag.get("expire_time")
    if profile is None or tag is None or expire is None or datetime.fromisoformat(expire) > tx.now():
        return
    profile.remove_tag(tag_code)
    remember(tx, profile, tag_code, "EXPIRED", tag["source"], tag.get("segment_code", ""))
    tx.emit(events.TagRemoved, profile, tag_code=tag_code, expired=True)
