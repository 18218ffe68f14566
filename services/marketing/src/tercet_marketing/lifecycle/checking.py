"""A lifecycle that is being saved, put into the form in which it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tercet_chassis import Tx
from tercet_conditions import to_json
from tercet_marketing.lifecycle import store
from tercet_marketing.lifecycle.errors import (
    LifecycleShownAlready,
    LifecycleStageAsksItsOutcome,
    LifecycleStageTwice,
    LifecycleStageUnknown,
    LifecycleZoneUnknown,
)
from tercet_marketing.lifecycle.model import LIVE, Lifecycle
from tercet_marketing.segments.checking import judged, text_of, zone_of
from tercet_marketing.segments.errors import SegmentZoneUnknown
from tercet_marketing.segments.language import kinds_of
from tercet_marketing.segments.rules import SEGMENTS
from tercet_marketing.segments.subjects import PROFILE

# Profiles show the stage under this name, and segments may ask it; so a stage asks neither.
OUTCOME = "lifecycle_code"


async def settle(tx: Tx, lifecycle: Lifecycle, before: Sequence[Mapping[str, Any]] = ()) -> None:
    """Gives a lifecycle its stages as they were sent, conditions in both their forms. Refuses codes that do not fit
    each other, what cannot be judged, and a stage that asks what follows from it.
    """
    try:
        lifecycle.time_zone = await zone_of(tx, lifecycle.time_zone)
    except SegmentZoneUnknown as wrong:
        raise LifecycleZoneUnknown(zone=lifecycle.time_zone) from wrong
    _check_codes(lifecycle)
    known = {one["code"]: one for one in before}
    settled, reads = [], set[str]()
    for number, sent in enumerate(lifecycle.stages):
        condition, text = _sent(sent, known.get(sent["code"], {}))
        field = f"lifecycle.stages[{number}].condition"
        judging = await judged(tx, PROFILE, condition, text, lifecycle.time_zone, None, field)
        outcomes = [path for path in sorted(judging.reads) if path == OUTCOME or path.startswith(SEGMENTS)]
        if outcomes:
            raise LifecycleStageAsksItsOutcome(code=sent["code"], paths=", ".join(outcomes))
        reads |= judging.reads
        condition = to_json(judging.tree, kinds=kinds_of(PROFILE))
        settled.append({**sent, "condition": condition, "condition_text": text_of(judging)})
    lifecycle.stages, lifecycle.reads = settled, sorted(reads)


async def check_shown(tx: Tx, lifecycle: Lifecycle) -> None:
    """Refuses to have profiles show two lifecycles."""
    if lifecycle.state != LIVE or not lifecycle.shown_on_profiles:
        return
    await tx.hold("lifecycle", ["shown"])
    other = await store.shown(tx, lifecycle.id)
    if other is not None:
        raise LifecycleShownAlready(shown=other, code=lifecycle.code)


def _check_codes(lifecycle: Lifecycle) -> None:
    codes = [one["code"] for one in lifecycle.stages]
    twice = next((code for code in codes if codes.count(code) > 1), None)
    if twice is not None:
        raise LifecycleStageTwice(code=twice)
    for one in lifecycle.stages:
        for code in one.get("next_stage_codes") or ():
            if code not in codes:
                raise LifecycleStageUnknown(lifecycle=lifecycle.code, code=code, known=", ".join(codes))


def _sent(sent: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The form of the condition that the client wrote: the text when that alone differs from what was there."""
    condition, text = dict(sent.get("condition") or {}), sent.get("condition_text") or ""
    if text and text != before.get("condition_text") and condition == (before.get("condition") or {}):
        return {}, text
    return condition, text
