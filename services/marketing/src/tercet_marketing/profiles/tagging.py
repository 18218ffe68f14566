"""What every change of a profile's tags leaves behind: a line of its history."""

from __future__ import annotations

from tercet_chassis import Tx
from tercet_marketing.profiles.model import Profile, TagChange


def remember(tx: Tx, profile: Profile, tag_code: str, action: str, source: str, segment_code: str = "") -> None:
    """Keeps what happened to a tag, and who or which segment did it."""
    change = TagChange(
        profile_id=profile.id,
        tag_code=tag_code,
        action=action,
        source=source,
        change_time=tx.now(),
        user_id=str(tx.principal.user_id) if tx.principal.user_id else None,
        segment_code=segment_code,
    )
    tx.add(change)
