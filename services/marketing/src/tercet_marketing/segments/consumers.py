"""Standings follow profiles, facts and party moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as leads
from tercet.marketing.v1 import events_pb2 as marketing
from tercet_chassis import Event, Tx, effect, projection
from tercet_marketing.segments import store
from tercet_marketing.segments.judge import judge
from tercet_marketing.segments.subjects import subjects
from tercet_marketing.segments.tagging import carry


@projection(*{event: None for subject in subjects().values() for event in subject.told_by})
async def follow_subjects(events: Sequence[Event[Any]], tx: Tx) -> None:
    """What is new or has changed is judged by every live segment of its subject."""
    for subject in subjects().values():
        told = [event.message for event in events if type(event.message) in subject.told_by]
        await judge(tx, subject, [UUID(getattr(message, message.DESCRIPTOR.fields[0].name).id) for message in told])


@projection(marketing.FactRecorded)
async def follow_fact(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Whoever did something is judged by the segments that ask for it."""
    facts = [event.message.fact for event in events]
    kinds = {fact.kind for fact in facts}
    for subject in subjects().values():
        ids = await store.of_parties(tx, subject, [UUID(fact.party_id) for fact in facts])
        await judge(tx, subject, ids, kinds=kinds)


@effect(marketing.SegmentEntered, marketing.SegmentLeft, marketing.TagRemoved, origins=("live", "import"))
async def carry_tags(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Whoever is in a segment with a tag carries it, and nobody else by that segment."""
    lost = [event.message for event in events if isinstance(event.message, marketing.TagRemoved)]
    moves = [event.message.member for event in events if not isinstance(event.message, marketing.TagRemoved)]
    await carry(
        tx,
        [(UUID(member.subject_id), member.segment_code) for member in moves],
        [(UUID(message.profile.id), message.tag_code) for message in lost],
    )


@effect(leads.PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_moves(event: Any, tx: Tx) -> None:
    """After a merge or split, facts count for another party: everybody of the parties is judged anew."""
    parties = (await tx.known.follow_moves(event.moves)).parties
    for subject in subjects().values():
        await judge(tx, subject, await store.of_parties(tx, subject, parties))
