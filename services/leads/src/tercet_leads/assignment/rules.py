"""Who gets a lead: rules in order, sellers filtered by what each rule asks, one chosen by its strategy, every step
explained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from tercet_conditions import Condition, Facts
from tercet_leads.cleaning.regions import clean_region

ROUND_ROBIN, LEAST_LOADED, FIRST, POOL = "ROUND_ROBIN", "LEAST_LOADED", "FIRST", "POOL"


@lru_cache(maxsize=4096)
def place_name(name: str) -> str:
    """A province or city by its short name, so that 山东省 and 山东 are one; other names as they are."""
    text = name.strip()
    return clean_region(text, "").province or clean_region("", text).city or text


@dataclass(frozen=True, slots=True)
class SellerFacts:
    """A seller in the eyes of the rules. `places` are short names of provinces and cities; `capacity` 0 has no
    limit.
    """

    owner_id: UUID
    display_name: str
    unit_id: UUID | None = None
    partner_party_id: UUID | None = None
    skills: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    capacity: int = 0
    away: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Which leads go to whom."""

    code: str
    condition: Condition
    strategy: str
    owner_ids: tuple[UUID, ...] = ()
    unit_id: UUID | None = None
    skills: frozenset[str] = frozenset()
    by_territory: bool = False
    pool_code: str = ""


@dataclass(slots=True)
class Board:
    """What this process knows of the moment: open leads of each seller and whose turn it is. Nothing of it is one
    hot row.
    """

    loads: dict[UUID, int] = field(default_factory=dict)
    turns: dict[tuple[str, tuple[UUID, ...]], int] = field(default_factory=dict)
    candidates: dict[tuple[str, str, str], tuple[SellerFacts, ...]] = field(default_factory=dict)

    def give(self, owner_id: UUID) -> None:
        """Notes one more open lead of a seller."""
        self.loads[owner_id] = self.loads.get(owner_id, 0) + 1


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a lead goes: to a seller, or to a pool; neither when no rule found anybody."""

    rule_code: str = ""
    seller: SellerFacts | None = None
    pool_code: str = ""

    @property
    def matched(self) -> bool:
        """Whether a rule decided."""
        return bool(self.rule_code)


NOBODY = Decision()


def why_not(rule: Rule, seller: SellerFacts, province: str, city: str) -> str:
    """Why the rule leaves this seller out, load aside; empty when it does not."""
    if rule.owner_ids and seller.owner_id not in rule.owner_ids:
        return "is not among the sellers of the rule"
    if rule.unit_id is not None and seller.unit_id != rule.unit_id:
        return "is in another unit"
    missing = rule.skills - seller.skills
    if missing:
        return f"lacks the skill {', '.join(sorted(missing))}"
    if rule.by_territory and not seller.places & {place_name(province), place_name(city)} - {""}:
        return f"does not work in {city or province or 'an unknown place'}"
    return "takes no leads just now" if seller.away else ""


def is_full(seller: SellerFacts, board: Board) -> bool:
    """Whether the seller has as many open leads as they can look after."""
    return bool(seller.capacity) and board.loads.get(seller.owner_id, 0) >= seller.capacity


def _candidates(rule: Rule, facts: Facts, sellers: Sequence[SellerFacts], board: Board) -> tuple[SellerFacts, ...]:
    province, city = facts.get("province") or "", facts.get("city") or ""
    key = (rule.code, province, city) if rule.by_territory else (rule.code, "", "")
    known = board.candidates.get(key)
    if known is None:
        fitting = [seller for seller in sellers if not why_not(rule, seller, province, city)]
        if rule.owner_ids:
            fitting.sort(key=lambda seller: rule.owner_ids.index(seller.owner_id))
        known = board.candidates[key] = tuple(fitting)
    return known


def choose(rule: Rule, candidates: tuple[SellerFacts, ...], board: Board) -> SellerFacts | None:
    """One of the candidates by the rule's strategy; None when all are full."""
    if rule.strategy == FIRST:
        return next((seller for seller in candidates if not is_full(seller, board)), None)
    if rule.strategy == LEAST_LOADED:
        free = [seller for seller in candidates if not is_full(seller, board)]
        return min(free, key=lambda seller: _pressure(seller, board), default=None)
    key = (rule.code, tuple(seller.owner_id for seller in candidates))
    turn = board.turns.get(key, 0)
    for step in range(len(candidates)):
        seller = candidates[(turn + step) % len(candidates)]
        if not is_full(seller, board):
            board.turns[key] = turn + step + 1
            return seller
    return None


def _pressure(seller: SellerFacts, board: Board) -> tuple[float, UUID]:
    # A seller without a limit is taken to carry a hundred, so that both kinds can be compared.
    return board.loads.get(seller.owner_id, 0) / (seller.capacity or 100), seller.owner_id


def decide(facts: Facts, rules: Sequence[Rule], sellers: Sequence[SellerFacts], board: Board) -> Decision:
    """The first rule that matches and finds a seller who is free; NOBODY when none does."""
    for rule in rules:
        if not rule.condition.holds(facts):
            continue
        if rule.strategy == POOL:
            return Decision(rule.code, None, rule.pool_code)
        seller = choose(rule, _candidates(rule, facts, sellers, board), board)
        if seller is not None:
            board.give(seller.owner_id)
            return Decision(rule.code, seller, rule.pool_code)
    return NOBODY


@dataclass(frozen=True, slots=True)
class Verdict:
    """One seller in a rule's eyes."""

    seller: SellerFacts
    eligible: bool
    reason: str
    load: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule said."""

    rule_code: str
    matched: bool
    explanation: str
    verdicts: tuple[Verdict, ...] = ()


def explain(
    facts: Facts,
    rules: Sequence[Rule],
    sellers: Sequence[SellerFacts],
    board: Board,
    hidden: frozenset[str] = frozenset(),
) -> tuple[Decision, list[Step]]:
    """What `decide` would answer, and every rule asked on the way, without the values of hidden paths. Changes nothing
    on the board.
    """
    dry = Board(dict(board.loads), dict(board.turns))
    decision = decide(facts, rules, sellers, dry)
    steps: list[Step] = []
    for rule in rules:
        judged = rule.condition.explain(facts)
        if not judged.holds:
            steps.append(Step(rule.code, False, judged.told(hidden)))
            continue
        verdicts = tuple(_verdict(rule, seller, facts, board) for seller in sellers) if rule.strategy != POOL else ()
        steps.append(
            Step(
                rule.code,
                True,
                _outcome(rule, decision, verdicts, named="display_name" not in hidden),
                tuple(sorted(verdicts, key=lambda v: (not v.eligible, v.load))),
            )
        )
        if decision.rule_code == rule.code:
            break
    return decision, steps


def _verdict(rule: Rule, seller: SellerFacts, facts: Facts, board: Board) -> Verdict:
    load = board.loads.get(seller.owner_id, 0)
    against = why_not(rule, seller, facts.get("province") or "", facts.get("city") or "")
    if not against and is_full(seller, board):
        against = f"has {load} open leads and can look after {seller.capacity}"
    return Verdict(seller, not against, against or f"fits; has {load} open leads", load)


def _outcome(rule: Rule, decision: Decision, verdicts: Sequence[Verdict], *, named: bool) -> str:
    if rule.strategy == POOL:
        return f"the lead goes into the pool {rule.pool_code}"
    if decision.rule_code != rule.code:
        return "nobody fits: the next rule is asked"
    name = decision.seller.display_name if decision.seller and named else "one seller"
    how = {ROUND_ROBIN: "it is their turn", LEAST_LOADED: "they have the least to do", FIRST: "they come first"}[
        rule.strategy
    ]
    return f"{name} gets it: {how} among {sum(v.eligible for v in verdicts)}"
