"""Joining two leads, taking them apart, and marking those that could be joined."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast
from uuid import UUID

from tercet.leads.v1 import events_pb2 as events
from tercet.leads.v1.lead_merge_service_pb2 import LeadMerge as MergeMessage
from tercet_chassis import Tx, new_id
from tercet_leads.leads import following, owning
from tercet_leads.leads.model import FOLLOWED, Lead
from tercet_leads.mergers import rules, store
from tercet_leads.mergers.model import LeadMerge


async def planned(tx: Tx, lead: Lead, other: Lead, reason: str) -> LeadMerge:
    """The merge as it will be kept; nothing changes."""
    filled = rules.filled_by(lead, other)
    return LeadMerge(
        id=new_id(),
        owner_id=lead.owner_id,
        unit_id=lead.unit_id,
        partner_party_id=lead.partner_party_id,
        lead_id=lead.id,
        other_id=other.id,
        reason=reason,
        merge_time=tx.now(),
        actor_id=tx.principal.user_id,
        touch_ids=await store.touches_of(tx, other.id),
        filled=filled,
        filled_fields=sorted(filled),
        last_touch_time=lead.last_touch_time,
        last_source_code=lead.last_source_code,
        undo_reason="",
    )


async def preview(tx: Tx, lead: Lead, other: Lead, reason: str) -> MergeMessage:
    """What a merge would do."""
    message = cast(MergeMessage, tx.render(await planned(tx, lead, other, reason)))
    message.id = message.etag = ""
    return message


async def join(tx: Tx, lead: Lead, other: Lead, reason: str) -> LeadMerge:
    """Joins `other` into `lead`, both held."""
    merge = await planned(tx, lead, other, reason)
    lead.touch_count += await store.move_touches(tx, merge.touch_ids, other.id, lead.id)
    await owning.follow(tx, lead)
    if other.last_touch_time > lead.last_touch_time:
        lead.last_touch_time, lead.last_source_code = other.last_touch_time, other.last_source_code
    rules.fill(lead, merge.filled)
    other.merge_into(lead.id)
    # Not by tx.add: an owner who is nobody stays nobody.
    tx.session.add(merge)
    await following.score_again(tx, lead)
    tx.emit(events.LeadUpdated, lead)
    tx.emit(events.LeadUpdated, other)
    tx.emit(events.LeadsMerged, merge)
    await tx.flush()
    await mark_doubles(tx, [lead.party_id])
    return merge


async def part(tx: Tx, merge: LeadMerge, reason: str) -> LeadMerge:
    """Takes a merge back."""
    # The touches may have moved on, when the lead that stayed was joined into another later.
    holder_id = await store.merged_into(tx, merge.lead_id)
    leads = await store.lock(tx, [merge.lead_id, merge.other_id, holder_id])
    other = leads[merge.other_id]
    back = await store.move_touches(tx, merge.touch_ids, holder_id, other.id)
    other.part_again(back)
    await owning.follow(tx, other)
    # The lead that stayed may have been deleted since.
    if (holder := leads.get(holder_id)) is not None:
        holder.touch_count -= back
    if (lead := leads.get(merge.lead_id)) is not None:
        rules.empty_again(lead, merge.filled)
        if (lead.last_touch_time, lead.last_source_code) == (other.last_touch_time, other.last_source_code):
            lead.last_touch_time, lead.last_source_code = merge.last_touch_time, merge.last_source_code
        await following.score_again(tx, lead)
        tx.emit(events.LeadUpdated, lead)
    merge.undo_time, merge.undo_reason = tx.now(), reason
    tx.emit(events.LeadUpdated, other)
    tx.emit(events.LeadsUnmerged, merge)
    await tx.flush()
    await mark_doubles(tx, [other.party_id, *([lead.party_id] if lead else [])])
    return merge


async def mark_doubles(tx: Tx, party_ids: Collection[UUID]) -> None:
    """Marks every lead of these parties that is followed up beside an older one, and no other."""
    oldest: dict[UUID, UUID] = {}
    for lead in await store.of_parties(tx, party_ids):
        first = oldest.setdefault(lead.party_id, lead.id) if lead.state in FOLLOWED else lead.id
        mark = None if first == lead.id else first
        if lead.duplicate_of_id != mark:
            lead.duplicate_of_id = mark
            tx.emit(events.LeadUpdated, lead)
    await tx.flush()


async def part_strangers(tx: Tx, identity_ids: Collection[UUID]) -> None:
    """Takes back the merges whose leads are held to be of different parties again."""
    for merge in await store.parted(tx, identity_ids):
        await part(tx, merge, "parties differ")
