"""Rules are asked in order; each chooses fairly among those who may get the lead, and can say why."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from tercet_leads.assignment.rules import (
    FIRST,
    LEAST_LOADED,
    NOBODY,
    POOL,
    ROUND_ROBIN,
    Board,
    Rule,
    SellerFacts,
    decide,
    explain,
    place_name,
)
from tercet_leads.scoring.facts import LEADS


def seller(number: int, **values: object) -> SellerFacts:
    return SellerFacts(UUID(int=number), f"销售{number}", **values)  # type: ignore[arg-type]


def rule(strategy: str, text: str = "", **values: object) -> Rule:
    return Rule(f"rule-{strategy}", LEADS.condition(text), strategy, **values)  # type: ignore[arg-type]


def test_round_robin_spreads_ten_thousand_leads_within_one() -> None:
    sellers, board = [seller(n) for n in range(7)], Board()
    got = Counter(decide({}, [rule(ROUND_ROBIN)], sellers, board).seller for _ in range(10_000))
    assert max(got.values()) - min(got.values()) <= 1


def test_least_loaded_gives_in_proportion_to_capacity() -> None:
    sellers, board = [seller(1, capacity=10), seller(2, capacity=30)], Board()
    got = Counter(decide({}, [rule(LEAST_LOADED)], sellers, board).seller for _ in range(20))
    assert (got[sellers[0]], got[sellers[1]]) == (5, 15)


def test_full_and_absent_sellers_get_nothing() -> None:
    sellers = [seller(1, capacity=2), seller(2, away=True)]
    board = Board()
    decisions = [decide({}, [rule(ROUND_ROBIN)], sellers, board) for _ in range(3)]
    assert [bool(d.seller) for d in decisions] == [True, True, False]
    assert decisions[2] is NOBODY


def test_territory_is_understood_with_and_without_its_ending() -> None:
    sellers = [seller(1, places=frozenset({place_name("山东省")})), seller(2, places=frozenset({place_name("杭州")}))]
    rules = [rule(ROUND_ROBIN, by_territory=True)]
    assert decide({"province": "山东", "city": ""}, rules, sellers, Board()).seller == sellers[0]
    assert decide({"province": "浙江省", "city": "杭州市"}, rules, sellers, Board()).seller == sellers[1]
    assert decide({"province": "", "city": ""}, rules, sellers, Board()) is NOBODY


def test_skills_unit_and_owner_list_narrow_the_choice() -> None:
    unit = UUID(int=9)
    sellers = [
        seller(1, unit_id=unit),
        seller(2, unit_id=unit, skills=frozenset({"英语", "注塑"})),
        seller(3, skills=frozenset({"英语"})),
    ]
    assert decide({}, [rule(FIRST, unit_id=unit, skills=frozenset({"英语"}))], sellers, Board()).seller == sellers[1]
    owners = (sellers[2].owner_id, sellers[0].owner_id)
    assert decide({}, [rule(FIRST, owner_ids=owners)], sellers, Board()).seller == sellers[2]


def test_next_rule_is_asked_when_the_first_finds_nobody() -> None:
    rules = [rule(ROUND_ROBIN, skills=frozenset({"法语"})), rule(POOL, pool_code="public")]
    decision = decide({}, rules, [seller(1)], Board())
    assert (decision.seller, decision.pool_code, decision.rule_code) == (None, "public", "rule-POOL")


def test_rule_whose_condition_does_not_hold_is_left_out() -> None:
    rules = [rule(FIRST, "score >= 60"), rule(POOL, pool_code="cold")]
    assert decide({"score": 59}, rules, [seller(1)], Board()).pool_code == "cold"
    assert decide({"score": 60}, rules, [seller(1)], Board()).seller is not None


def test_explanation_agrees_with_the_decision_and_changes_nothing() -> None:
    sellers = [seller(1, capacity=1), seller(2, skills=frozenset({"英语"}))]
    rules = [rule(FIRST, "score > 90"), rule(ROUND_ROBIN, skills=frozenset({"英语"}))]
    board = Board(loads={sellers[0].owner_id: 1})
    decision, steps = explain({"score": 10}, rules, sellers, board)
    assert decision == decide({"score": 10}, rules, sellers, Board(loads=dict(board.loads)))
    assert [(step.rule_code, step.matched) for step in steps] == [("rule-FIRST", False), ("rule-ROUND_ROBIN", True)]
    verdicts = {verdict.seller.display_name: verdict for verdict in steps[1].verdicts}
    assert verdicts["销售2"].eligible
    assert "英语" in verdicts["销售1"].reason
    assert board.turns == {}
