"""Wishes become decisions: set-wise, one transaction for many customers, those of one party one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from tercet_chassis import Tx
from tercet_chassis.entity import untracked
from tercet_marketing.consent import store as consent
from tercet_marketing.profiles.model import Profile
from tercet_marketing.sends.openings import openings
from tercet_marketing.strategies import store
from tercet_marketing.strategies.carrying import carry_out
from tercet_marketing.strategies.contacting import contacts_told
from tercet_marketing.strategies.model import WAITING, Strategy, StrategyDecision
from tercet_marketing.strategies.rules import Standing, Wish, decide
from tercet_marketing.strategies.states import ENDED, RUNNING
from tercet_marketing.strategies.wishes import Unreadable, readable

log = structlog.get_logger(__name__)
# The name under which a trace tells that a version cannot be read.
VERSION = "VERSION"
# A decision before it is a row: most are made and written in one go.
_Fresh = untracked(StrategyDecision)


async def want(tx: Tx, wishes: Iterable[tuple[Strategy, Profile, str]]) -> None:
    """Has running strategies want customers, each on an occasion, and decides it at once. The same wish again changes
    nothing, nor does one for another trace of the same party.
    """
    fresh: dict[tuple[str, UUID, str], StrategyDecision] = {}
    profiles: dict[UUID, Profile] = {}
    for strategy, profile, occasion in wishes:
        profiles[profile.id] = profile
        fresh.setdefault((strategy.code, profile.party_id, occasion), _wish(strategy, profile, occasion))
    if not fresh:
        return
    parties = {profile.party_id for profile in profiles.values()}
    await tx.hold("strategies", parties)
    for key in await store.known(tx, parties, {occasion for _, _, occasion in fresh}):
        fresh.pop(key, None)
    if fresh:
        await _decide(tx, [*fresh.values(), *await _due(tx, parties)], list(profiles.values()))
        await tx.bulk_insert(StrategyDecision, [_values(row) for row in fresh.values()])


async def decide_again(tx: Tx, parties: Iterable[UUID]) -> None:
    """Decides what was put off for these parties and is due."""
    await tx.hold("strategies", parties)
    due = await _due(tx, parties)
    await _decide(tx, due, await store.profiles_of(tx, {row.party_id for row in due}))


async def standings(tx: Tx, profiles: Sequence[Profile], wishes: Iterable[Wish], now: datetime) -> dict[UUID, Standing]:
    """What arbitration of these wishes goes by for the party of each profile: of several profiles of one the latest
    one's unit.
    """
    wanted = list(wishes)
    parties = {profile.party_id for profile in profiles}
    past = await store.past(tx, parties, now)
    held = await store.held_before(tx, parties) if any(wish.holdout for wish in wanted) else {}
    excluded = any(wish.excluded_segments for wish in wanted)
    segments = await store.segments_of(tx, parties) if excluded else {}
    opened = await openings(
        tx, profiles, {wish.purpose for wish in wanted}, {code for wish in wanted for code in wish.channel_codes}
    )
    told = await contacts_told(tx, profiles, wanted)
    chosen = await consent.preferences(tx, parties)
    zones: dict[UUID | None, str] = {}
    found: dict[UUID, Standing] = {}
    for profile in sorted(profiles, key=lambda profile: profile.create_time):
        if profile.unit_id not in zones:
            zones[profile.unit_id] = (await tx.known.zone_and_currency(profile.unit_id))[0]
        opening = opened[profile.party_id]
        allowed = {purpose: frozenset(codes) for purpose, codes in opening.channels.items()}
        closed: dict[str, Mapping[str, str]] = dict(opening.closed)
        contacts: dict[str, Mapping[str, str]] = {}
        for wish in wanted:
            if wish.recipient_roles:
                instead = told.get((profile.party_id, wish.reach))
                if instead is None:
                    # Whoever is no company is told themselves.
                    allowed[wish.reach] = allowed.get(wish.purpose, frozenset())
                    closed[wish.reach] = opening.closed.get(wish.purpose, {})
                else:
                    allowed[wish.reach] = frozenset(instead.open)
                    closed[wish.reach], contacts[wish.reach] = instead.closed, instead.open
        found[profile.party_id] = Standing(
            party=str(profile.party_id),
            zone=_zone(chosen.get(profile.party_id, ("", ""))[1], zones[profile.unit_id]),
            left_alone=frozenset(opening.left_alone),
            allowed=allowed,
            closed=closed,
            contacts=contacts,
            segments=segments.get(profile.party_id, frozenset()),
            past=past.get(profile.party_id, ()),
            held_out=frozenset(held.get(profile.party_id, ())),
        )
    return found


def _zone(chosen: str, of_unit: str) -> str:
    try:
        return ZoneInfo(chosen).key if chosen else of_unit
    except (ZoneInfoNotFoundError, ValueError):
        return of_unit


async def _due(tx: Tx, parties: Iterable[UUID]) -> list[StrategyDecision]:
    waiting = await store.waiting(tx, set(parties), tx.now())
    states = {one.code: one.state for one in await store.by_codes(tx, {one.strategy_code for one in waiting})}
    for row in waiting:
        if states.get(row.strategy_code, ENDED) == ENDED:
            row.drop(tx.now())
    # What waits while its strategy pauses is decided when it goes on.
    return [row for row in waiting if states.get(row.strategy_code) == RUNNING]


async def _decide(tx: Tx, rows: Sequence[StrategyDecision], profiles: Sequence[Profile]) -> None:
    now = tx.now()
    contents = await store.contents(tx, {(row.strategy_code, row.version) for row in rows})
    said = _said(rows, contents, now)
    rows = [row for row in rows if (row.strategy_code, row.version) in said]
    known = await standings(tx, profiles, said.values(), now)
    by_party: dict[UUID, dict[tuple[str, str], StrategyDecision]] = defaultdict(dict)
    for row in rows:
        by_party[row.party_id][row.strategy_code, row.occasion] = row
    for party, wanted in by_party.items():
        wishes = [replace(said[code, row.version], occasion=occasion) for (code, occasion), row in wanted.items()]
        for decision in decide(known[party], wishes, now):
            wanted[decision.wish.strategy_code, decision.wish.occasion].take(decision, now)
    await carry_out(tx, rows, contents)


def _said(
    rows: Iterable[StrategyDecision], contents: Mapping[tuple[str, int], Mapping[str, Any]], now: datetime
) -> dict[tuple[str, int], Wish]:
    """What the versions want. What one wanted that cannot be read is withheld, and harms no other."""
    said: dict[tuple[str, int], Wish] = {}
    faults: dict[tuple[str, int], str] = {}
    for row in rows:
        version = (row.strategy_code, row.version)
        if version not in said and version not in faults:
            try:
                said[version] = readable(version[0], contents.get(version, {}))
            except Unreadable as fault:
                faults[version] = str(fault)
                log.warning("strategies.version_unreadable", strategy=version[0], version=version[1], cause=str(fault))
        if version in faults:
            detail = f"version {row.version} cannot be read ({faults[version]}): approve the strategy again, then retry"
            row.fail(VERSION, detail, now)
    return said


def _wish(strategy: Strategy, profile: Profile, occasion: str) -> StrategyDecision:
    fresh: StrategyDecision = _Fresh(
        id=store.decision_id(strategy.code, profile.identity_id, occasion),
        strategy_code=strategy.code,
        version=strategy.version,
        occasion=occasion,
        purpose=strategy.purpose,
        exclusion_group=strategy.exclusion_group,
        outcome=WAITING,
        identity_id=profile.identity_id,
        party_id=profile.party_id,
        unit_id=profile.unit_id,
        owner_id=profile.owner_id,
        partner_party_id=profile.partner_party_id,
    )
    return fresh


def _values(row: StrategyDecision) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if value is not None}
