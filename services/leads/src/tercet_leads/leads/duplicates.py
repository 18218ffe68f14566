"""Who a lead would be taken for: one answer for every way in."""

from __future__ import annotations

import math

from tercet.leads.v1.lead_service_pb2 import CheckDuplicatesResponse, Lead
from tercet.type.v1.party_pb2 import LinkState
from tercet_chassis import Tx
from tercet_leads.customers import store as customer_store
from tercet_leads.identity import recognition
from tercet_leads.leads import store
from tercet_leads.leads.draft import draft_of
from tercet_leads.leads.intake import checked
from tercet_leads.leads.rules import Submission


def likelihood(log_odds: float) -> float:
    """A score in log-odds as a number from 0 to 1."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, log_odds))))


async def check_duplicates(tx: Tx, submission: Submission) -> CheckDuplicatesResponse:
    """The parties a lead could be, likeliest first, with the reasons, their open lead and their customer. Refuses
    an empty lead.
    """
    lead, understood = draft_of(checked(submission), tx.now(), submission.source_given)
    found = await recognition.candidates(tx, understood.seen)
    parties = [candidate.party_id for candidate in found]
    open_leads = await store.open_lead_ids(tx, parties)
    customers = await customer_store.of_parties(tx, parties)
    names = await store.party_names(tx, parties)
    response = CheckDuplicatesResponse()
    for candidate in found:
        held = customers.get(candidate.party_id)
        response.candidates.add(
            party_id=str(candidate.party_id),
            score=round(likelihood(candidate.score), 4),
            link_state=LinkState.Value(candidate.link_state),
            reasons=[f"{part['feature']} {part['agreement']} {part['weight']:+g}" for part in candidate.explanation],
            open_lead_id=str(open_leads.get(candidate.party_id) or ""),
            customer_id=str(held[0].customer_id) if held else "",
            display_name=names.get(candidate.party_id, ""),
        )
    cleaned = tx.render(lead)
    assert isinstance(cleaned, Lead)
    for name in ("id", "identity_id", "party_id"):
        cleaned.ClearField(name)
    response.cleaned.CopyFrom(cleaned)
    return response
