"""Positions follow profiles, facts and party moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as leads
from tercet.marketing.v1 import events_pb2 as marketing
from tercet_chassis import Event, Tx, effect, projection
from tercet_marketing.lifecycle import store
from tercet_marketing.lifecycle.judge import judge


@projection(marketing.ProfileUpdated, marketing.TagAdded, marketing.TagRemoved, marketing.ConsentChanged)
async def follow_profile(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Whose profile is new or has changed is judged."""
    await judge(tx, await store.parties_of(tx, [UUID(event.message.profile.id) for event in events]))


@projection(marketing.FactRecorded)
async def follow_fact(events: Sequence[Event[Any]], tx: Tx) -> None:
    """Whoever did something is judged by the lifecycles that ask for it."""
    facts = [event.message.fact for event in events]
    await judge(tx, [UUID(fact.party_id) for fact in facts], kinds={fact.kind for fact in facts})


@effect(leads.PartyMembersMoved, origins=("live", "import", "replay"))
async def follow_moves(event: Any, tx: Tx) -> None:
    """After a merge or split, the parties' positions are those that their identities brought along."""
    await judge(tx, (await tx.known.follow_moves(event.moves)).parties)
