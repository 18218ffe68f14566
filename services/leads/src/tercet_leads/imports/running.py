"""Running an import and taking it back, chunk by chunk, each chunk a transaction that is recorded with its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tercet.leads.v1 import events_pb2 as events
from tercet_chassis import Tx, new_id
from tercet_chassis.context import IMPORT, LIVE
from tercet_conditions import judging_at
from tercet_leads.identity.profiles import forget
from tercet_leads.imports import preparing, store
from tercet_leads.imports.model import Import, ImportRowError
from tercet_leads.imports.preparing import Plan, Prepared, Preparer
from tercet_leads.imports.tables import Row
from tercet_leads.leads import deciding
from tercet_leads.leads.admit import admit
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import rulebook
from tercet_leads.leads.rules import Submission
from tercet_leads.mergers import joining
from tercet_leads.mergers import store as merging
from tercet_leads.touches.model import Touch

ROWS_A_STEP = 2000
TOUCHES_A_STEP = 500
_PROBLEMS = {
    "ROW_TOO_LONG": "The row is longer than 256 KiB, or a quotation mark in it is never closed; shorten or correct it.",
    "ROW_ENCODING_BROKEN": "The row holds bytes that are no characters of the file's encoding; save the file as UTF-8.",
    "ROW_TOO_WIDE": "The row has more cells than the header; put text with delimiters into quotation marks.",
}


def plan_of(item: Import, tx: Tx) -> Plan:
    """How the rows of one import are read."""
    shown = tx.runtime.bindings.of(Lead).search_texts(lambda name: name)
    return Plan(
        import_id=str(item.id),
        header=tuple(item.header),
        columns=tuple(dict(column) for column in item.columns),
        zone=item.zone.key,
        country_code=item.country_code,
        searched=tuple((name, personal) for personal, name in shown),
    )


def submission_of(item: Import, row: Row, prepared: Prepared) -> Submission:
    """A row on its way into `admit`, with what the import says of all its rows."""
    made = preparing.submission_of(prepared)
    made.external = (item.external_system, made.external[1]) if item.external_system and made.external else None
    made.owner_id, made.unit_id = item.lead_owner_id, item.lead_unit_id
    made.partner_party_id = item.partner_party_id
    made.source_given = made.source_given or item.source_code
    made.key = item.row_key(row.number)
    return made


def problem_of(row: Row, width: int) -> tuple[str, str]:
    """Why a row cannot be taken as it stands: reason and sentence, both empty when it can."""
    reason = preparing.problem_of(row, width)
    return reason, _PROBLEMS.get(reason, "")


async def begin(tx: Tx, import_id: str) -> Import:
    """RUNNING. Refuses one that was run."""
    item = await tx.get(Import, import_id, lock=True)
    item.begin(tx.now())
    return item


async def take(
    tx: Tx, import_id: str, rows: list[Row], prepared: Sequence[Prepared | None] | None = None
) -> dict[str, int]:
    """Takes in one chunk of rows, prepared before or here, and keeps those that are refused. Answers the counts."""
    item = await tx.get(Import, import_id, lock=True)
    prepared = prepared or Preparer(plan_of(item, tx)).rows(rows, tx.now())
    refused: list[dict[str, Any]] = []
    taken: list[tuple[Row, Submission]] = []
    for row, found in zip(rows, prepared, strict=True):
        if found is None:
            reason, message = problem_of(row, len(item.header))
            refused.append(_refused(item, row, reason, message, ""))
        else:
            taken.append((row, submission_of(item, row, found)))
    admissions = await admit(tx, [submission for _, submission in taken], origin=LIVE if item.automations else IMPORT)
    for (row, _), admission in zip(taken, admissions, strict=True):
        if admission.refusal is not None:
            violation = next(iter(admission.refusal.violations), None)
            field = violation.field if violation else ""
            refused.append(_refused(item, row, admission.refusal.reason, admission.refusal.message, field))
        elif admission.repeated:
            continue
        elif admission.duplicate:
            item.touched_count += 1
        else:
            item.created_count += 1
            item.junk_count += admission.lead is not None and admission.lead.state == "JUNK"
    item.row_count += len(rows)
    item.error_count += len(refused)
    await tx.bulk_insert(ImportRowError, refused)
    return {"rows": len(rows)}


def _refused(item: Import, row: Row, reason: str, message: str, field: str) -> dict[str, Any]:
    # PostgreSQL keeps no NUL in text.
    cells = [cell.replace("\x00", "") for cell in row.cells]
    return {
        "id": new_id(),
        "import_id": item.id,
        "row_number": row.number,
        "reason": reason,
        "message": message,
        "field": field,
        "cells": cells,
    }


async def end(tx: Tx, import_id: str) -> Import:
    """DONE."""
    item = await tx.get(Import, import_id, lock=True)
    item.end(tx.now())
    return item


async def begin_undo(tx: Tx, import_id: str) -> dict[str, int]:
    """UNDOING. Refuses one that is not done. Answers how many touches there are to take back."""
    item = await tx.get(Import, import_id, lock=True)
    item.begin_undo()
    return {"touches": item.created_count + item.touched_count}


async def take_back(tx: Tx, import_id: str) -> dict[str, Any]:
    """Takes back the last touches of the import. Answers what became of their leads; `touches` 0 when none were
    left.
    """
    judging_at(tx.now())
    prefix = f"import:{import_id}:"
    touches = await store.touches_of(tx, prefix, TOUCHES_A_STEP)
    leads = await store.lock_leads(tx, [touch.lead_id for touch in touches])
    book = await rulebook(tx)
    counts = {"touches": len(touches), "deleted": 0, "restored": 0, "kept": 0}
    gone: list[UUID] = []
    for touch in touches:
        lead = leads.get(touch.lead_id)
        if lead is None:
            continue
        if touch.duplicate:
            _restore(lead, touch)
            deciding.score(lead, book, tx.now())
            tx.emit(events.LeadUpdated, lead, origin=IMPORT)
            counts["restored"] += 1
        elif lead.touch_count == 1 and lead.first_contact_time is None and lead.state in ("OPEN", "JUNK"):
            tx.emit(events.LeadDeleted, lead, origin=IMPORT)
            await tx.delete(lead)
            gone.append(lead.id)
            counts["deleted"] += 1
        else:
            # Somebody works on it: lead and touch stay, and are no part of the import any more.
            touch.key = None
            counts["kept"] += 1
    await tx.flush()
    if doubled := await merging.parties_doubled_by(tx, gone):
        await joining.mark_doubles(tx, doubled)
    await store.forget_moves(tx, gone)
    taken_back = [touch for touch in touches if touch.key is not None]
    await store.forget_touches(tx, [touch.id for touch in taken_back])
    # Who was known by the file alone is not known any more.
    counts["forgotten"] = await forget(tx, [touch.identity_id for touch in taken_back])
    return counts


def _restore(lead: Lead, touch: Touch) -> None:
    lead.touch_count -= 1
    for name, value in touch.filled.items():
        if getattr(lead, name) == value:
            setattr(lead, name, None)


async def end_undo(tx: Tx, import_id: str) -> Import:
    """UNDONE."""
    item = await tx.get(Import, import_id, lock=True)
    item.state, item.end_time = "UNDONE", tx.now()
    return item
