"""Who has a lead: claims, releases, assignments, each with its line in the history."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1 import lead_service_pb2 as pb
from tercet_chassis import Tx
from tercet_chassis.errors import PermissionMissing
from tercet_chassis.showing import hidden_paths
from tercet_conditions import judging_at
from tercet_leads.assignment import rules as assigning
from tercet_leads.assignment.model import Seller
from tercet_leads.leads import deciding, store
from tercet_leads.leads.errors import LeadNotInPool, SellerUnknown
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import rulebook
from tercet_leads.leads.rules import Submission
from tercet_leads.pools import store as pool_store
from tercet_leads.pools.errors import ClaimTooSoon, PoolMissing
from tercet_leads.pools.model import PoolMove
from tercet_leads.touches import store as touch_store

_ASSIGN = "leads.lead.assign"


def note(tx: Tx, lead: Lead, kind: str, owner_id: UUID | None, reason: str) -> None:
    """Adds a line to the history."""
    move = PoolMove(
        lead_id=lead.id, pool_code=lead.pool_code, kind=kind, reason=reason, move_time=tx.now(), owner_id=owner_id
    )
    move.unit_id, move.partner_party_id = lead.unit_id, lead.partner_party_id
    # Not by tx.add: a line about somebody else must not become the caller's.
    tx.session.add(move)


async def hand_over(tx: Tx, lead: Lead, kind: str, owner_id: UUID | None, reason: str) -> None:
    """Adds a line to the history, and the lead's touches go where it goes."""
    note(tx, lead, kind, owner_id, reason)
    await follow(tx, lead)


async def follow(tx: Tx, lead: Lead) -> None:
    """The lead's touches are whose it is."""
    holder = {"owner_id": lead.owner_id, "unit_id": lead.unit_id, "partner_party_id": lead.partner_party_id}
    await touch_store.follow(tx, lead.id, **holder)


async def claim(tx: Tx, lead_id: str, for_owner: str) -> Lead:
    """Gives a pool's lead to the caller or, with the right to assign, to somebody else."""
    caller = tx.principal.user_id
    owner_id = UUID(for_owner) if for_owner else caller
    if owner_id is None or (owner_id != caller and not tx.principal.scopes(_ASSIGN)):
        raise PermissionMissing(permission=_ASSIGN)
    # The lead's row is the lock: of many claims at once the first gets it and the others see its owner.
    lead = await tx.get(Lead, lead_id, lock=True)
    lead.check_claimable()
    pool = await pool_store.by_code(tx, lead.pool_code)
    if pool is None:
        raise LeadNotInPool(lead_id=lead.id)
    if pool.claim_quota:
        await pool_store.lock_seller(tx, owner_id, pool.code)
        pool.check_quota(await store.held_of_pool(tx, owner_id, pool.code))
    if pool.rest_hours:
        given_up = await pool_store.last_given_up(tx, lead.id, owner_id)
        free_time = given_up + timedelta(hours=pool.rest_hours) if given_up else None
        if free_time is not None and tx.now() < free_time:
            raise ClaimTooSoon(free_time=free_time.isoformat())
    lead.claim(owner_id, tx.now())
    lead.recycle_time = pool.facts().recycle_time(tx.now())
    await hand_over(tx, lead, "CLAIMED", owner_id, "")
    tx.emit(events.LeadClaimed, lead)
    return lead


async def release(tx: Tx, lead: Lead, reason: str, pool_code: str) -> Lead:
    """Puts a lead back into its pool, another or its unit's fallback. Refuses a pool that is not there."""
    book = await rulebook(tx)
    fallback = book.fallback(lead.unit_id)
    target = pool_code or lead.pool_code or (fallback.code if fallback else "")
    if target not in book.pools:
        raise PoolMissing(pool_code=target or "(none)")
    previous = lead.release(target, reason)
    await hand_over(tx, lead, "RELEASED", previous, reason)
    tx.emit(events.LeadPooled, lead, previous_owner_id=previous, reason=reason)
    return lead


async def assign(tx: Tx, lead: Lead, owner_id: UUID | None) -> Lead:
    """Gives a lead to a seller, or to whom the rules choose; nobody found leaves it in the fallback pool with an
    event.
    """
    judging_at(tx.now())
    book = await rulebook(tx, loads=True)
    lead.check_followed()
    if owner_id is None:
        decision = assigning.decide(deciding.facts(lead, book), book.assignment, book.sellers, book.board)
        if decision.seller is None:
            return _to_pool(
                tx, lead, decision.pool_code or getattr(book.fallback(lead.unit_id), "code", ""), decision.matched
            )
        seller, rule, pool_code = decision.seller, decision.rule_code, decision.pool_code
    else:
        chosen = book.seller(owner_id)
        if chosen is None:
            raise SellerUnknown(owner_id=owner_id)
        book.board.give(owner_id)
        seller, rule, pool_code = chosen, "", lead.pool_code
    previous = lead.assign(seller.owner_id, tx.now(), rule)
    lead.unit_id = lead.unit_id or seller.unit_id
    lead.pool_code = pool_code or lead.pool_code
    lead.recycle_time = book.recycle_time(lead.pool_code, tx.now())
    await hand_over(tx, lead, "ASSIGNED", seller.owner_id, rule)
    tx.emit(events.LeadAssigned, lead, previous_owner_id=previous)
    return lead


def _to_pool(tx: Tx, lead: Lead, pool_code: str, matched: bool) -> Lead:
    if lead.owner_id is None:
        lead.pool_code = pool_code
        note(tx, lead, "POOLED", None, "")
    if not matched:
        tx.emit(events.LeadUnmatched, lead, reason="no assignment rule found a seller who is free")
    return lead


async def explain(tx: Tx, lead: Lead | None, draft: Submission | None) -> pb.ExplainAssignmentResponse:
    """Who would get a lead, rule by rule and seller by seller. Changes nothing."""
    judging_at(tx.now())
    book = await rulebook(tx, loads=True)
    if lead is not None:
        known, unit_id = deciding.facts(lead, book), lead.unit_id
    else:
        assert draft is not None
        known, unit_id = deciding.facts_of_draft(draft, book, tx.now()), draft.unit_id
    hidden = await hidden_paths(tx, Lead) | await hidden_paths(tx, Seller)
    decision, steps = assigning.explain(known, book.assignment, book.sellers, book.board, hidden)
    fallback = book.fallback(unit_id)
    response = pb.ExplainAssignmentResponse(
        owner_id=str(decision.seller.owner_id) if decision.seller else "",
        pool_code=decision.pool_code or ("" if decision.seller else fallback.code if fallback else ""),
        rule_code=decision.rule_code,
    )
    for step in steps:
        shown = response.steps.add(rule_code=step.rule_code, matched=step.matched, explanation=step.explanation)
        for verdict in step.verdicts:
            shown.sellers.add(
                owner_id=str(verdict.seller.owner_id),
                display_name=verdict.seller.display_name,
                eligible=verdict.eligible,
                reason=verdict.reason,
                load=verdict.load,
            )
    return response
