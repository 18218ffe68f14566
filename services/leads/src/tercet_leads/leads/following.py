"""Following a lead up: cleaning, recognising and scoring it again, its qualification and its contacts."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1.lead_service_pb2 import RecordContactRequest
from tercet_chassis import Tx
from tercet_conditions import judging_at
from tercet_leads.identity.recognition import Trace, recognise
from tercet_leads.leads import deciding
from tercet_leads.leads.errors import QualificationNotMet
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import Rulebook, rulebook
from tercet_leads.leads.rules import CLEANED, TEXT_FIELDS, understand

MANUAL = "manual"


async def understand_again(tx: Tx, lead: Lead) -> None:
    """Cleans a lead whose data changed, teaches its party what is new, and scores it."""
    values = {name: text for name in TEXT_FIELDS if (text := getattr(lead, name))}
    understood = understand(values, lead.kind)
    for name, value in understood.values.items():
        if getattr(lead, name) != value:
            setattr(lead, name, value)
    # What was found at intake stays known for fields that did not change.
    before = {finding["field"]: finding for finding in lead.findings}
    fresh = {finding["field"]: finding for finding in understood.findings}
    kept = {
        name: finding
        for name, finding in before.items()
        if name not in fresh and finding["value"] == (getattr(lead, name) or "")
    }
    lead.findings = [*(kept | fresh).values()]
    if lead.state != "JUNK" and any(getattr(lead, name) for name in CLEANED):
        trace = Trace(understood.seen, lead.identity_id, "lead", lead.id, declared=True)
        (found,) = await recognise(tx, [trace])
        if found.party_id != lead.party_id:
            # Its row was moved with all others of the identity.
            await tx.flush()
            await tx.session.refresh(lead)
            lead.link_state = found.link_state
    await score_again(tx, lead)


async def score_again(tx: Tx, lead: Lead) -> None:
    """Scores a lead by the rules in force; tells when the score or the grade differs."""
    judging_at(tx.now())
    before, grade = lead.score, lead.grade
    deciding.score(lead, await rulebook(tx), tx.now())
    if (lead.score, lead.grade) != (before, grade):
        tx.emit(events.LeadScored, lead, previous_score=before, previous_grade=grade)


async def recognise_at_last(tx: Tx, lead: Lead) -> None:
    """Gives a lead that was taken for junk its party. Its identity is the one it always had."""
    values = {name: text for name in TEXT_FIELDS if (text := getattr(lead, name))}
    (found,) = await recognise(tx, [Trace(understand(values, lead.kind).seen, lead.identity_id, "lead", lead.id)])
    lead.party_id, lead.link_state = found.party_id, found.link_state


def qualification_of(book: Rulebook, known: dict[str, Any], reason: str, hidden: frozenset[str]) -> str:
    """What a qualification is decided by: the rule, or a person with a reason. Refuses when neither holds, without
    the values of hidden paths.
    """
    rule = book.qualification
    if rule is None:
        return MANUAL
    judged = rule.condition.explain(known)
    if judged.holds:
        return rule.name
    if not reason:
        raise QualificationNotMet(rule=rule.name, because=judged.told(hidden))
    return f"{MANUAL} ({rule.name})"


def contact(tx: Tx, lead: Lead, request: RecordContactRequest, book: Rulebook) -> bool:
    """Notes a contact and moves the day on which the lead would go back. Answers whether it was the first."""
    at = request.contact_time.ToDatetime(tzinfo=UTC) if request.HasField("contact_time") else tx.now()
    following = request.next_contact_time.ToDatetime(tzinfo=UTC) if request.HasField("next_contact_time") else None
    first = lead.contact(at, tx.now(), following)
    if lead.owner_id is not None and lead.recycle_time is not None:
        lead.recycle_time, lead.recycle_warned = (
            book.recycle_time(lead.pool_code, max(at, lead.assign_time or at)),
            False,
        )
    return first
