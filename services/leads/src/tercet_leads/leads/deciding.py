"""What the rules make of a lead: its score, whether it is ripe, and who follows it up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tercet_leads.assignment import rules as assigning
from tercet_leads.leads.draft import draft_of
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import Rulebook
from tercet_leads.leads.rules import Submission, Understood, facts_of
from tercet_leads.scoring import rules as scoring
from tercet_leads.sources.rules import NOWHERE

KEPT, ASSIGNED, POOLED, UNMATCHED = "KEPT", "ASSIGNED", "POOLED", "UNMATCHED"
EXISTING_CUSTOMER = "existing-customer"
_DAY = 86_400


def facts(lead: Lead, book: Rulebook, understood: Understood | None = None, entry: str = "API") -> dict[str, Any]:
    """What rules may ask of a lead now."""
    source = book.source(lead.source_code)
    return facts_of(lead, understood, entry=entry, source_kind=source.kind, source_path=source.path)


def score(
    lead: Lead, book: Rulebook, now: datetime, understood: Understood | None = None, entry: str = "API"
) -> dict[str, Any]:
    """Gives the lead its score, its grade and the contributions that explain them; answers the facts with both in."""
    known = facts(lead, book, understood, entry)
    days = (now - lead.last_touch_time).total_seconds() / _DAY
    given = scoring.contributions(book.scoring, known, days)
    shown = [{"rule_code": c.rule_code, "display_name": c.display_name, "points": c.points} for c in given]
    lead.score = scoring.total(given)
    lead.grade = scoring.grade(lead.score, book.thresholds)
    lead.contributions, lead.score_time = shown, now
    known["score"], known["grade"] = lead.score, lead.grade
    return known


def qualify_if_ripe(lead: Lead, known: dict[str, Any], book: Rulebook, now: datetime) -> bool:
    """Qualifies a new lead when an automatic rule holds of it."""
    rule = book.qualification
    if rule is None or not rule.automatic or not rule.condition.holds(known):
        return False
    lead.qualify(now, rule.name, "")
    return True


def place(lead: Lead, known: dict[str, Any], book: Rulebook, now: datetime) -> str:
    """Gives a lead to whoever should follow it up, or puts it into a pool; answers which of the two it was.

    A lead that somebody brought along stays theirs, and a customer's goes to the customer's owner, never into a pool.
    """
    if lead.owner_id is not None:
        lead.assign_time = now
        lead.assignment_rule_code = EXISTING_CUSTOMER if lead.existing_customer else ""
        return KEPT
    decision = assigning.decide(known, book.assignment, book.sellers, book.board)
    lead.assignment_rule_code = decision.rule_code
    if decision.seller is not None:
        fallback = book.fallback(lead.unit_id or decision.seller.unit_id)
        lead.owner_id, lead.assign_time = decision.seller.owner_id, now
        lead.unit_id = lead.unit_id or decision.seller.unit_id
        lead.partner_party_id = lead.partner_party_id or decision.seller.partner_party_id
        lead.pool_code = decision.pool_code or (fallback.code if fallback else "")
        lead.recycle_time = book.recycle_time(lead.pool_code, now)
        return ASSIGNED
    if lead.existing_customer:
        # Nobody owns the customer: it waits for an assignment by hand rather than in a pool for cold outreach.
        return UNMATCHED if not decision.matched else KEPT
    if decision.pool_code:
        return _into(lead, book, decision.pool_code)
    fallback = book.fallback(lead.unit_id)
    if fallback is not None:
        _into(lead, book, fallback.code)
    return UNMATCHED


def _into(lead: Lead, book: Rulebook, pool_code: str) -> str:
    pool = book.pools.get(pool_code)
    lead.pool_code = pool_code
    lead.unit_id = lead.unit_id or (pool.unit_id if pool else None)
    return POOLED


def facts_of_draft(submission: Submission, book: Rulebook, now: datetime) -> dict[str, Any]:
    """What rules may ask of a lead that is not kept, its score and grade included."""
    source = book.sources.find(submission.source_given) if submission.source_given else None
    lead, understood = draft_of(submission, now, source.code if source else NOWHERE.code)
    return score(lead, book, now, understood, submission.entry)
