"""What happens to customers, as occasions for strategies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from tercet.marketing.v1.events_pb2 import (
    LifecycleStageChanged,
    MessageCanceled,
    MessageDelivered,
    MessageFailed,
    MessageSent,
    MessageWithheld,
    SegmentEntered,
    SegmentLeft,
)
from tercet_chassis import Event, NotYet, Tx, effect
from tercet_marketing.profiles.model import Profile
from tercet_marketing.sends import store as sends
from tercet_marketing.strategies import store
from tercet_marketing.strategies.deciding import want
from tercet_marketing.strategies.model import EVENT, SEGMENT_ENTERED, SEGMENT_LEFT, STAGE_ENTERED, Strategy
from tercet_marketing.strategies.occasions import EVENTS, event_name, is_occasion
from tercet_marketing.strategies.paying import settle_messages


@effect(*EVENTS)
async def hear(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Has strategies of trigger EVENT want those whom an event is about and who are in their segment."""
    asked: dict[str, list[Strategy]] = defaultdict(list)
    for strategy in await store.running(tx, EVENT):
        asked[strategy.event_name].append(strategy)
    heard = [
        event
        for event in events
        if event_name(event.meta.subject) in asked and event.meta.identity_id and is_occasion(event)
    ]
    profiles = await _profiles(tx, heard)
    segments = await store.segments_of(tx, {profile.party_id for profile in profiles.values()}) if heard else {}
    wishes = []
    for event in heard:
        profile = profiles[_who(event)]
        inside = segments.get(profile.party_id, frozenset())
        wishes += [
            (strategy, profile, str(event.meta.id))
            for strategy in asked[event_name(event.meta.subject)]
            if not strategy.segment_code or strategy.segment_code in inside
        ]
    await want(tx, wishes)


@effect(SegmentEntered, SegmentLeft)
async def follow_members(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Has strategies want a party whose first profile came into their segment or whose last one left it, once each
    time.
    """
    asked: dict[tuple[str, str], list[Strategy]] = defaultdict(list)
    for strategy in await store.running(tx, SEGMENT_ENTERED, SEGMENT_LEFT):
        asked[strategy.trigger, strategy.segment_code].append(strategy)
    heard = [event for event in events if (_trigger(event), event.message.member.segment_code) in asked]
    profiles = await _profiles(tx, heard)
    inside = await store.inside(tx, {profile.party_id for profile in profiles.values()}) if heard else {}
    wishes = []
    for event in heard:
        member, profile = event.message.member, profiles[_who(event)]
        entered = _trigger(event) == SEGMENT_ENTERED
        when = (member.enter_time if entered else member.leave_time).ToDatetime(tzinfo=UTC)
        others = inside.get((profile.party_id, member.segment_code), {})
        if any(who != profile.identity_id and (not entered or since < when) for who, since in others.items()):
            continue
        initial = entered and event.message.initial
        wishes += [
            # Of several profiles that came or left together one counts: they do so at one moment.
            (strategy, profile, f"{_trigger(event)} {when.isoformat()}")
            for strategy in asked[_trigger(event), member.segment_code]
            if strategy.include_existing or not initial
        ]
    await want(tx, wishes)


@effect(LifecycleStageChanged)
async def follow_stages(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Has strategies of trigger STAGE_ENTERED want who came to their stage, being in their segment."""
    asked = await store.running(tx, STAGE_ENTERED)
    codes = {strategy.lifecycle_code for strategy in asked}
    heard = [event for event in events if event.message.position.lifecycle_code in codes]
    profiles = await _profiles(tx, heard)
    segments = await store.segments_of(tx, {profile.party_id for profile in profiles.values()}) if heard else {}
    wishes = []
    for event in heard:
        position, profile = event.message.position, profiles[_who(event)]
        inside = segments.get(profile.party_id, frozenset())
        wishes += [
            (strategy, profile, f"{STAGE_ENTERED} {position.id} {position.change_count}")
            for strategy in asked
            if strategy.lifecycle_code == position.lifecycle_code
            and strategy.stage_code in ("", position.stage_code)
            and (strategy.include_existing or not event.message.initial)
            and (not strategy.segment_code or strategy.segment_code in inside)
        ]
    await want(tx, wishes)


@effect(MessageSent, MessageDelivered, MessageFailed, MessageWithheld, MessageCanceled)
async def settle(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Has budgets bear what messages of strategies have cost, and no more."""
    ids = {UUID(event.message.send.id) for event in events if event.message.send.strategy_id}
    if ids:
        # As they stand now: what is told comes in no order.
        await settle_messages(tx, (await sends.sends_by_ids(tx, ids)).values())


def _trigger(event: Event[Any]) -> str:
    return SEGMENT_ENTERED if isinstance(event.message, SegmentEntered) else SEGMENT_LEFT


def _who(event: Event[Any]) -> UUID:
    identity = event.meta.identity_id
    if identity is None:
        raise RuntimeError(f"{event.meta.subject} is about nobody")
    return identity


async def _profiles(tx: Tx, events: Sequence[Event[Any]]) -> dict[UUID, Profile]:
    wanted = {_who(event) for event in events}
    found = await store.profiles(tx, wanted) if wanted else {}
    missing = next((identity for identity in wanted if identity not in found), None)
    if missing is not None:
        raise NotYet(f"the profile of {missing} is not here")
    return found
