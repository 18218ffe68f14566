"""All configuration that intake asks, compiled and kept in memory until a row of it changes."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from tercet_chassis import Tx
from tercet_chassis.conditions import own_fields
from tercet_conditions import Condition
from tercet_leads.assignment import rules as assigning
from tercet_leads.assignment import store as assignment_store
from tercet_leads.leads import store
from tercet_leads.pools import store as pool_store
from tercet_leads.pools.rules import PoolFacts, fallback_of
from tercet_leads.qualification import store as qualification_store
from tercet_leads.scoring import store as scoring_store
from tercet_leads.scoring.facts import LEADS
from tercet_leads.scoring.rules import DEFAULTS, Thresholds
from tercet_leads.scoring.rules import Rule as ScoringRule
from tercet_leads.sources import store as source_store
from tercet_leads.sources.rules import NOWHERE, UNKNOWN, SourceBook, SourceFacts

log = structlog.get_logger(__name__)
_TENANTS_KEPT = 1000
# How old the counts of sellers' open leads may be, in seconds; what this process gives away is added at once.
_LOADS_AGE = 5.0


@dataclass(frozen=True, slots=True)
class Qualification:
    """The qualification rule in force."""

    name: str
    condition: Condition
    automatic: bool


@dataclass(slots=True)
class Rulebook:
    """A tenant's configuration at one moment."""

    stamp: Any
    sources: SourceBook
    scoring: tuple[ScoringRule, ...]
    thresholds: Thresholds
    qualification: Qualification | None
    assignment: tuple[assigning.Rule, ...]
    sellers: tuple[assigning.SellerFacts, ...]
    pools: dict[str, PoolFacts]
    # Sources known to be in use, so that they are marked only once.
    used_sources: frozenset[str]
    board: assigning.Board = field(default_factory=assigning.Board)
    loads_time: float = float("-inf")

    def fallback(self, unit_id: UUID | None) -> PoolFacts | None:
        """Where leads go that match no rule."""
        return fallback_of(list(self.pools.values()), unit_id)

    def seller(self, owner_id: UUID | None) -> assigning.SellerFacts | None:
        """The seller who signs in as this user."""
        return next((seller for seller in self.sellers if seller.owner_id == owner_id), None)

    def source(self, code: str) -> SourceFacts:
        """What is known of a source by its code."""
        return self.sources.by_code.get(code) or NOWHERE

    def needs_loads(self) -> bool:
        """Whether assignment asks how much sellers have to do."""
        return any(rule.strategy == assigning.LEAST_LOADED for rule in self.assignment) or any(
            seller.capacity for seller in self.sellers
        )

    def recycle_time(self, pool_code: str, since: datetime) -> datetime | None:
        """When a lead of this pool goes back."""
        pool = self.pools.get(pool_code)
        return pool.recycle_time(since) if pool else None


_kept: OrderedDict[UUID, Rulebook] = OrderedDict()


async def rulebook(tx: Tx, *, loads: bool = False) -> Rulebook:
    """The tenant's configuration as this transaction sees it. `loads` brings the sellers' open leads up to date."""
    stamp = await store.configuration_stamp(tx)
    known = _kept.get(tx.tenant_id)
    if known is None or known.stamp != stamp:
        fresh = await _read(tx, stamp)
        if known is not None:
            # Turns outlive a change of the rules: nobody starts at the front again because a source was renamed.
            fresh.board.turns = known.board.turns
        known = _kept[tx.tenant_id] = fresh
        while len(_kept) > _TENANTS_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(tx.tenant_id)
    if loads and known.needs_loads() and time.monotonic() - known.loads_time > _LOADS_AGE:
        known.board.loads = await store.open_loads(tx)
        known.loads_time = time.monotonic()
    return known


async def _read(tx: Tx, stamp: Any) -> Rulebook:
    custom = await own_fields(tx, "leads")

    def compiled(kind: str, code: str, text: str) -> Condition | None:
        # A rule may name a custom field that was deleted since: it is left out and said so, and intake goes on.
        try:
            return LEADS.condition(text, custom)
        except ValueError as broken:
            log.warning("rule.broken", kind=kind, code=code, cause=str(broken))
            return None

    rows = await scoring_store.active_rules(tx)
    scoring_rules = tuple(
        ScoringRule(row.code, row.display_name, holds, row.points, row.half_life_days)
        for row in rows
        if (holds := compiled("scoring", row.code, row.condition)) is not None
    )
    scale = await scoring_store.grade_scale(tx)
    newest = await qualification_store.newest(tx)
    ripe = compiled("qualification", newest.code, newest.condition) if newest else None
    sources = await source_store.all_sources(tx)
    return Rulebook(
        stamp=stamp,
        sources=SourceBook(source.facts() for source in sources if source.code != UNKNOWN),
        used_sources=frozenset(source.code for source in sources if source.used),
        scoring=scoring_rules if rows else DEFAULTS,
        thresholds=Thresholds(scale.a_from, scale.b_from, scale.c_from) if scale else Thresholds(),
        qualification=Qualification(newest.name, ripe, newest.automatic) if newest and ripe else None,
        assignment=tuple(
            assigning.Rule(
                code=row.code,
                condition=holds,
                strategy=row.strategy,
                owner_ids=tuple(map(UUID, row.owner_ids)),
                unit_id=row.unit_id,
                skills=frozenset(row.skills),
                by_territory=row.by_territory,
                pool_code=row.pool_code,
            )
            for row in await assignment_store.active_rules(tx)
            if (holds := compiled("assignment", row.code, row.condition)) is not None
        ),
        sellers=tuple(seller.facts() for seller in await assignment_store.active_sellers(tx)),
        pools={pool.code: pool.facts() for pool in await pool_store.all_pools(tx)},
    )
