"""A lead that is not kept: what it would look like once cleaned, for checks and dry runs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tercet_leads.leads.model import Lead
from tercet_leads.leads.rules import Submission, Understood, understand

_NOBODY = UUID(int=0)


def draft_of(submission: Submission, now: datetime, source_code: str) -> tuple[Lead, Understood]:
    """The lead as intake would make it, outside any transaction, and what cleaning understood."""
    understood = submission.understood or understand(submission.values, submission.kind)
    lead = Lead(
        identity_id=_NOBODY,
        party_id=_NOBODY,
        link_state="UNRESOLVED",
        state="JUNK" if understood.junk else "OPEN",
        state_reason=", ".join(understood.junk),
        kind=understood.kind,
        **understood.values,
        findings=understood.findings,
        interests=submission.interests,
        custom=submission.custom,
        owner_id=submission.owner_id,
        unit_id=submission.unit_id,
        source_code=source_code,
        last_source_code=source_code,
        campaign_id=submission.campaign_id,
        placement_id=submission.placement_id,
        occur_time=submission.occur_time or now,
        last_touch_time=submission.occur_time or now,
        touch_count=1,
        score=0,
        grade="D",
        existing_customer=False,
    )
    return lead, understood
