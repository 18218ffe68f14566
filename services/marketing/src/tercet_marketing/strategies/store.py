"""Queries of strategies, their versions and decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tercet_chassis import Tx, derived_id
from tercet_marketing.profiles.model import Profile
from tercet_marketing.segments.model import Segment, SegmentMember
from tercet_marketing.strategies.model import WAITING, Strategy, StrategyDecision, StrategyVersion
from tercet_marketing.strategies.rules import DEFERRED, Past
from tercet_marketing.strategies.states import ENDED, RUNNING

# Caps look back a year at most; whether somebody ever had a strategy is asked without end.
_LONGEST = timedelta(days=366)
_PAST = (
    "SELECT party_id, strategy_code, purpose, exclusion_group, max(decide_time) AS decide_time "
    "FROM fenced.strategy_decisions WHERE party_id = ANY($1::uuid[]) AND outcome = 'CHOSEN' "
    "GROUP BY party_id, strategy_code, purpose, exclusion_group, "
    "CASE WHEN decide_time > $2 THEN id END"
)
_HELD = (
    "SELECT DISTINCT party_id, strategy_code FROM fenced.strategy_decisions "
    "WHERE party_id = ANY($1::uuid[]) AND outcome = 'HELD_OUT'"
)
_HELD_BUT_REACHED = (
    "SELECT d.id FROM fenced.strategy_decisions d WHERE d.outcome = 'HELD_OUT' AND (d.grant_id IS NOT NULL "
    "OR d.send_id IS NOT NULL OR EXISTS (SELECT FROM fenced.sends s WHERE s.key = 'strategy:' || d.id::text) "
    "OR EXISTS (SELECT FROM fenced.grants g WHERE g.key = 'strategy:' || d.id::text)) LIMIT $1"
)
_KNOWN = (
    "SELECT strategy_code, party_id, occasion FROM fenced.strategy_decisions "
    "WHERE party_id = ANY($1::uuid[]) AND occasion = ANY($2::text[])"
)
_SEGMENTS = (
    "SELECT DISTINCT party_id, segment_code FROM fenced.segment_members "
    "WHERE state = 'IN' AND party_id = ANY($1::uuid[])"
)
_INSIDE = (
    "SELECT party_id, segment_code, identity_id, enter_time FROM fenced.segment_members "
    "WHERE state = 'IN' AND party_id = ANY($1::uuid[])"
)


async def by_codes(tx: Tx, codes: Collection[str]) -> Sequence[Strategy]:
    """Those of these codes that there are."""
    return (await tx.session.scalars(select(Strategy).where(Strategy.code.in_(codes)))).all()


async def running(tx: Tx, *triggers: str) -> Sequence[Strategy]:
    """What runs, of these triggers or of all."""
    query = select(Strategy).where(Strategy.state == RUNNING).order_by(Strategy.code)
    if triggers:
        query = query.where(Strategy.trigger.in_(triggers))
    return (await tx.session.scalars(query)).all()


async def contents(tx: Tx, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    """What these versions say."""
    pairs = set(wanted)
    if not pairs:
        return {}
    query = select(StrategyVersion).where(StrategyVersion.strategy_code.in_({code for code, _ in pairs}))
    found = (await tx.session.scalars(query)).all()
    return {(one.strategy_code, one.version): one.content for one in found if (one.strategy_code, one.version) in pairs}


async def known(tx: Tx, parties: Collection[UUID], occasions: Collection[str]) -> set[tuple[str, UUID, str]]:
    """Which strategies wanted these parties on these occasions before: code, party, occasion."""
    rows = await tx.fetch(_KNOWN, list(parties), list(occasions))
    return {(row["strategy_code"], row["party_id"], row["occasion"]) for row in rows}


async def profiles(tx: Tx, identities: Collection[UUID]) -> dict[UUID, Profile]:
    """The profile of each of these identities that has one."""
    found = await tx.session.scalars(select(Profile).where(Profile.identity_id.in_(identities)))
    return {one.identity_id: one for one in found}


async def profiles_of(tx: Tx, parties: Collection[UUID]) -> Sequence[Profile]:
    """All profiles of these parties."""
    return (await tx.session.scalars(select(Profile).where(Profile.party_id.in_(parties)))).all()


async def profiles_by_id(tx: Tx, ids: Collection[UUID]) -> Sequence[Profile]:
    """These profiles."""
    return (await tx.session.scalars(select(Profile).where(Profile.id.in_(ids)))).all()


async def segments_of(tx: Tx, parties: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The segments in which any of a party's profiles is, by party."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for row in await tx.fetch(_SEGMENTS, list(parties)):
        found[row["party_id"]].add(row["segment_code"])
    return {party: frozenset(codes) for party, codes in found.items()}


async def inside(tx: Tx, parties: Collection[UUID]) -> dict[tuple[UUID, str], dict[UUID, datetime]]:
    """By party and segment, the identities whose profiles are in, and since when."""
    found: dict[tuple[UUID, str], dict[UUID, datetime]] = defaultdict(dict)
    for row in await tx.fetch(_INSIDE, list(parties)):
        found[row["party_id"], row["segment_code"]][row["identity_id"]] = row["enter_time"]
    return found


async def open_segments(tx: Tx, codes: Collection[str]) -> set[str]:
    """Those of these codes that are segments and have not ended."""
    query = select(Segment.code).where(Segment.code.in_(codes), Segment.state != "ARCHIVED")
    return set((await tx.session.scalars(query)).all())


async def members_after(tx: Tx, segment_code: str, after: UUID | None, most: int) -> list[UUID]:
    """The profiles that the next members of a segment are or are about, each once, in the order of their ids."""
    member = SegmentMember
    inside = select(member.identity_id).where(member.segment_code == segment_code, member.state == "IN")
    query = select(Profile.id).where(Profile.identity_id.in_(inside))
    if after is not None:
        query = query.where(Profile.id > after)
    return list((await tx.session.scalars(query.order_by(Profile.id).limit(most))).all())


async def waiting(tx: Tx, parties: Collection[UUID], now: datetime) -> Sequence[StrategyDecision]:
    """What is still to be decided for these parties and due."""
    query = select(StrategyDecision).where(
        StrategyDecision.party_id.in_(parties),
        (StrategyDecision.outcome == WAITING)
        | ((StrategyDecision.outcome == DEFERRED) & (StrategyDecision.due_time <= now)),
    )
    return (await tx.session.scalars(query.execution_options(populate_existing=True))).all()


async def due_parties(tx: Tx, now: datetime, most: int) -> list[UUID]:
    """Parties with something deferred that is due, the longest due first; what pauses is passed over."""
    alive = select(Strategy.code).where(Strategy.state.in_((RUNNING, ENDED)))
    due = (
        (StrategyDecision.outcome == DEFERRED)
        & (StrategyDecision.due_time <= now)
        & StrategyDecision.strategy_code.in_(alive)
    )
    query = select(StrategyDecision.party_id).where(due).order_by(StrategyDecision.due_time).limit(most)
    return list(dict.fromkeys((await tx.session.scalars(query)).all()))


async def past(tx: Tx, parties: Collection[UUID], now: datetime) -> dict[UUID, tuple[Past, ...]]:
    """What was chosen for these parties: all of a year, and of what is older the last of each strategy."""
    found: dict[UUID, list[Past]] = defaultdict(list)
    for row in await tx.fetch(_PAST, list(parties), now - _LONGEST):
        had = Past(row["strategy_code"], row["purpose"], row["exclusion_group"], row["decide_time"])
        found[row["party_id"]].append(had)
    return {party: tuple(had) for party, had in found.items()}


async def budgets_of(tx: Tx, ids: Collection[UUID]) -> list[tuple[StrategyDecision, str]]:
    """Those of these decisions whose version is paid from a budget, with its code."""
    budget = StrategyVersion.content["budget_code"].astext
    query = (
        select(StrategyDecision, budget)
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_code == StrategyDecision.strategy_code)
            & (StrategyVersion.version == StrategyDecision.version),
        )
        .where(StrategyDecision.id.in_(ids), budget != "")
        .order_by(StrategyDecision.id)
    )
    return [(row[0], row[1]) for row in await tx.session.execute(query)]


async def held_before(tx: Tx, parties: Collection[UUID]) -> dict[UUID, set[str]]:
    """The strategies that ever left these parties alone to be compared with."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for row in await tx.fetch(_HELD, list(parties)):
        found[row["party_id"]].add(row["strategy_code"])
    return found


async def held_out_but_reached(tx: Tx, most: int) -> tuple[int, list[str]]:
    """How many decisions held somebody out, and those that did something all the same."""
    count = (await tx.fetch("SELECT count(*) AS n FROM fenced.strategy_decisions WHERE outcome = 'HELD_OUT'"))[0]["n"]
    return int(count), [str(row["id"]) for row in await tx.fetch(_HELD_BUT_REACHED, most)]


def decision_id(strategy_code: str, identity_id: UUID, occasion: str) -> UUID:
    """The id of a decision: the same wish is one row, however often it is told."""
    return derived_id(identity_id, f"strategy:{strategy_code}:{occasion}")
