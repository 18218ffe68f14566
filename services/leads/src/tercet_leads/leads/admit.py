"""Admission: the one way in for every lead, one or ten thousand at a time, in a fixed number of queries a batch.

Each submission is cleaned, recognised, and becomes a new lead or a touch of the party's open one; new leads are scored,
qualified and given to somebody. What the submissions said is kept with the touches, whatever became of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from tercet.leads.v1 import events_pb2 as events
from tercet_chassis import Refusal, Tx, new_id
from tercet_chassis.custom_fields import checked as checked_custom
from tercet_chassis.entity import untracked
from tercet_chassis.search import index_words
from tercet_conditions import judging_at
from tercet_leads.customers import store as customer_store
from tercet_leads.customers.rules import keeper
from tercet_leads.identity.recognition import Batch, Recognition, Trace, decide
from tercet_leads.leads import deciding, store
from tercet_leads.leads.intake import checked
from tercet_leads.leads.model import Lead
from tercet_leads.leads.rulebook import Rulebook, rulebook
from tercet_leads.leads.rules import Submission, Understood, understand
from tercet_leads.placements import store as placement_store
from tercet_leads.placements.model import Placement
from tercet_leads.pools.model import PoolMove
from tercet_leads.sources import store as source_store
from tercet_leads.sources.rules import NOWHERE, SourceFacts
from tercet_leads.touches.model import Touch
from tercet_leads.touches.store import leads_by_key

# Up to so many are calls that came together, each with its line in the audit; beyond it is a batch, whose touches tell.
_CALLS = 20
# After so many rows whoever else calls the service has a turn: an import must not keep sellers waiting.
_BREATH = 50


@dataclass(slots=True)
class Admission:
    """What became of one submission: a lead, or the refusal. `duplicate`: it became a touch of a lead that was
    there.
    """

    lead: Lead | None = None
    touch_id: UUID | None = None
    duplicate: bool = False
    # The same delivery was admitted before; nothing was written.
    repeated: bool = False
    refusal: Refusal | None = None

    @property
    def new(self) -> bool:
        """Whether it became a lead of its own."""
        return self.lead is not None and not self.duplicate and not self.repeated


@dataclass(slots=True)
class _Item:
    """A submission on its way through the batch."""

    submission: Submission
    admission: Admission
    understood: Understood
    source: SourceFacts
    placement: Placement | None
    recognition: Recognition | None = None
    flags: tuple[str, ...] = ()


async def admit(tx: Tx, batch: Sequence[Submission], *, origin: str | None = None) -> list[Admission]:
    """Takes in a batch; answers in its order. A submission that is refused stops no other one.

    `origin` marks the events, so that an import of old leads wakes no campaign.
    """
    judging_at(tx.now())
    book = await rulebook(tx, loads=True)
    admissions = [Admission() for _ in batch]
    await _answer_repeated(tx, batch, admissions)
    items = await _understand(tx, book, batch, admissions)
    decided = await _recognise(tx, items)
    parties = [item.recognition.party_id for item in items if item.recognition and not item.recognition.is_new_party]
    open_leads = dict(await (store.open_rows if len(items) > _CALLS else store.open_leads)(tx, parties))
    customers = await customer_store.of_parties(tx, parties)
    writing = _Writing(tx, book, origin, len(items))
    async with _meanwhile(_keep(tx, decided, len(items))):
        for number, item in enumerate(items):
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            writing.take(item, open_leads, customers)
    await writing.write()
    return admissions


async def _keep(tx: Tx, decided: Batch, size: int) -> None:
    """Writes who is who; what calls brought waits for the next flush."""
    await decided.write(tx)
    if size > _CALLS:
        await tx.flush()


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Lets the database do `work` while the block, which asks it nothing, decides."""
    task = asyncio.create_task(work)
    try:
        yield
    except BaseException:
        # The block's fault is the one to tell; the transaction must only be free before it is rolled back.
        await asyncio.wait([task])
        raise
    await task


async def _answer_repeated(tx: Tx, batch: Sequence[Submission], admissions: list[Admission]) -> None:
    """A delivery that was admitted before is answered with its lead: by its key, its chosen id or its name
    elsewhere.
    """
    by_key = await leads_by_key(tx, [s.key for s in batch if s.key])
    ids = {s.id for s in batch if s.id} | set(by_key.values())
    by_id = await store.by_ids(tx, list(ids))
    by_ref = await store.by_external_refs(tx, [s.external for s in batch if s.external])
    for submission, admission in zip(batch, admissions, strict=True):
        key_of = by_key.get(submission.key) if submission.key else None
        lead = by_id.get(key_of) if key_of else None
        lead = lead or (by_id.get(submission.id) if submission.id else None)
        lead = lead or (by_ref.get(submission.external) if submission.external else None)
        # A key whose lead was deleted since is still a repetition.
        if lead is not None or key_of is not None:
            admission.lead, admission.repeated = lead, True


async def _understand(tx: Tx, book: Rulebook, batch: Sequence[Submission], admissions: list[Admission]) -> list[_Item]:
    placements = await placement_store.by_ids(tx, [s.placement_id for s in batch if s.placement_id])
    day = tx.now().date()
    unknown: list[str] = []
    items: list[_Item] = []
    for number, (submission, admission) in enumerate(zip(batch, admissions, strict=True)):
        if admission.repeated:
            continue
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        try:
            if submission.understood is None:
                checked(submission)
            if submission.custom:
                submission.custom = await checked_custom(tx, Lead, submission.custom)
        except Refusal as refused:
            admission.refusal = refused
            continue
        placement = placements.get(submission.placement_id) if submission.placement_id else None
        given = submission.source_given or (placement.source_code if placement else "")
        source = book.sources.find(given) if given else None
        flags = list(submission.flags)
        if source is None:
            flags.append("source_unknown" if given else "source_missing")
            unknown += [given] if given else []
        elif not source.counts_on((submission.occur_time or tx.now()).date()):
            flags.append("source_ended")
        if submission.placement_id and placement is None:
            flags.append("placement_unknown")
        understood = submission.understood or understand(submission.values, submission.kind)
        items.append(_Item(submission, admission, understood, source or NOWHERE, placement, None, tuple(flags)))
    if unknown:
        fresh = await source_store.note_unknown(tx, unknown, day)
        anywhere = await source_store.ensure_unknown(tx) if fresh else None
        for code in fresh:
            tx.emit(events.SourceUnknownSeen, anywhere, given_code=code)
    used = {
        item.source.code for item in items if item.source is not NOWHERE and item.source.code not in book.used_sources
    }
    if used:
        await source_store.mark_used(tx, sorted(used))
    return items


async def _recognise(tx: Tx, items: Sequence[_Item]) -> Batch:
    """Junk is nobody: it gets a trace of its own, so that it draws no real party towards it. What was decided is still
    to be written.
    """
    serious = [item for item in items if not item.understood.junk]
    for item in items:
        item.submission.id = item.submission.id or new_id()
    traces = [Trace(item.understood.seen, None, "lead", item.submission.id) for item in serious]
    found, decided = await decide(tx, traces)
    for item, recognition in zip(serious, found, strict=True):
        item.recognition = recognition
    return decided


class _Writing:
    """What a batch decided, gathered so that it is written in a handful of statements."""

    def __init__(self, tx: Tx, book: Rulebook, origin: str | None, size: int) -> None:
        self._tx, self._book, self._origin = tx, book, origin
        self._audited = size <= _CALLS
        self._leads: dict[UUID, Lead] = {}
        self._touches: list[dict[str, Any]] = []
        self._moves: list[dict[str, Any]] = []
        self._credits: list[tuple[UUID, UUID]] = []
        self._touched: dict[UUID, tuple[Lead, UUID]] = {}
        # Search words of leads that are new here, and those that were added to leads that were there.
        self._words: dict[UUID, list[str]] = {}
        self._unmatched: set[UUID] = set()
        self._keys: dict[str, Admission] = {}

    def take(
        self, item: _Item, open_leads: dict[UUID, Lead], customers: Mapping[UUID, list[customer_store.Standing]]
    ) -> None:
        """Decides about one submission."""
        if item.submission.key and (first := self._keys.get(item.submission.key)):
            item.admission.lead, item.admission.repeated = first.lead, True
            return
        party = item.recognition.party_id if item.recognition else None
        lead = open_leads.get(party) if party else None
        if lead is not None:
            self._touch_again(lead, item)
        else:
            lead = self._open(item, customers.get(party, []) if party else [])
            if party:
                open_leads[party] = lead
        if item.submission.key:
            self._keys[item.submission.key] = item.admission

    def _open(self, item: _Item, customers: Sequence[customer_store.Standing]) -> Lead:
        lead = _new_lead(self._tx, item)
        known = keeper(customers, lead.unit_id) if lead.link_state in ("PROBABLE", "CONFIRMED") else None
        if known is not None:
            lead.existing_customer, lead.customer_id = True, known.customer_id
            lead.owner_id, lead.unit_id = lead.owner_id or known.owner_id, lead.unit_id or known.unit_id
        facts = deciding.score(lead, self._book, self._tx.now(), item.understood, item.submission.entry)
        if lead.state != "JUNK":
            deciding.qualify_if_ripe(lead, facts, self._book, self._tx.now())
            outcome = deciding.place(lead, facts, self._book, self._tx.now())
            # Without any rule nobody expects a match: the lead waits in the pool and nothing went wrong.
            if outcome == deciding.UNMATCHED and self._book.assignment:
                self._unmatched.add(lead.id)
            if outcome != deciding.KEPT and (lead.owner_id or lead.pool_code):
                self._moves.append(_move(lead, self._tx))
        # Seller, customer and pool bring their unit along; what none of them took stays with whoever brought the lead.
        lead.unit_id = lead.unit_id or self._tx.principal.unit_id
        self._leads[lead.id] = lead
        self._words[lead.id] = self._words_of(item.understood, item.understood.values)
        if lead.placement_id and lead.state != "JUNK":
            self._credits.append((lead.placement_id, lead.id))
        item.admission.lead = lead
        self._keep_touch(lead, item, None)
        return lead

    def _touch_again(self, lead: Lead, item: _Item) -> None:
        now = self._tx.now()
        lead.touch_count += 1
        lead.last_touch_time = max(lead.last_touch_time, item.submission.occur_time or now)
        if item.source is not NOWHERE:
            lead.last_source_code = item.source.code
        # A touch fills what was empty; what the seller sees is never written over by a form.
        filled = {name: value for name, value in item.understood.values.items() if value and not getattr(lead, name)}
        for name, value in filled.items():
            setattr(lead, name, value)
        if filled:
            self._words.setdefault(lead.id, []).extend(self._words_of(item.understood, filled))
        deciding.score(lead, self._book, now, None, item.submission.entry)
        item.admission.lead, item.admission.duplicate = lead, True
        touch_id = self._keep_touch(lead, item, filled)
        if lead.id not in self._leads:
            self._touched[lead.id] = (lead, touch_id)

    def _words_of(self, understood: Understood, values: Mapping[str, Any]) -> list[str]:
        """The words of these of its values; those that a batch goes through the session with are made there."""
        if self._audited:
            return []
        if understood.words is not None:
            return [words for name, words in understood.words.items() if values.get(name)]
        return index_words(self._tx.runtime.bindings.of(Lead).search_texts(values.get))

    def _raw(self, submission: Submission) -> Any:
        if isinstance(submission.raw, bytes):
            return orjson.loads(submission.raw) if self._audited else submission.raw
        return submission.raw

    def _keep_touch(self, lead: Lead, item: _Item, filled: dict[str, Any] | None) -> UUID:
        submission = item.submission
        touch_id = item.admission.touch_id = new_id()
        self._touches.append(
            {
                "id": touch_id,
                "lead_id": lead.id,
                "identity_id": item.recognition.identity_id if item.recognition else lead.identity_id,
                "party_id": lead.party_id,
                "owner_id": lead.owner_id,
                "unit_id": lead.unit_id,
                "partner_party_id": lead.partner_party_id,
                "entry": submission.entry,
                "source_code": item.source.code,
                "source_given": submission.source_given,
                "placement_id": item.placement.id if item.placement else None,
                "campaign_id": submission.campaign_id or (item.placement.campaign_id if item.placement else None),
                "occur_time": submission.occur_time or self._tx.now(),
                "raw": self._raw(submission),
                "flags": [*item.flags, *item.understood.flags],
                "duplicate": filled is not None,
                "filled": filled or {},
                "key": submission.key,
            }
        )
        return touch_id

    async def _store(self, touched: Sequence[Lead]) -> None:
        await self._tx.flush()
        await store.update_touched(self._tx, touched, self._words)

    async def write(self) -> None:
        """Writes leads, touches and moves, and tells what happened. What calls brought waits for the next flush."""
        tx, leads = self._tx, list(self._leads.values())
        for lead in leads:
            lead.create_time = lead.update_time = tx.now()
            lead.row_version = 1
        rows = [vars(lead) for lead in leads]
        if not self._audited:
            for row in rows:
                row["search"] = self._words[row["id"]]
        made = tx.stage(Lead, rows)
        # Touches and moves are only ever added and tell themselves who brought what when.
        tx.stage(Touch, self._touches)
        tx.stage(PoolMove, self._moves)
        if self._audited:
            tx.record_created(Lead, made)
        else:
            touched = [lead for lead, _ in self._touched.values()]
            for lead in touched:
                lead.row_version += 1
                lead.update_time = tx.now()
            async with _meanwhile(self._store(touched)):
                for number, lead in enumerate((*leads, *touched)):
                    if number % _BREATH == _BREATH - 1:
                        await asyncio.sleep(0)
                    tx.render_early(lead)
        await placement_store.credit(tx, placement_store.LEAD, self._credits)
        for lead in leads:
            tx.emit(events.LeadCreated, lead, occur_time=lead.occur_time, origin=self._origin)
            if lead.state == "QUALIFIED":
                tx.emit(events.LeadQualified, lead, origin=self._origin)
            if lead.id in self._unmatched:
                tx.emit(
                    events.LeadUnmatched,
                    lead,
                    origin=self._origin,
                    reason="no assignment rule found a seller who is free",
                )
        for lead, touch_id in self._touched.values():
            tx.emit(events.LeadTouched, lead, occur_time=lead.last_touch_time, origin=self._origin, touch_id=touch_id)


def _new_lead(tx: Tx, item: _Item) -> Lead:
    submission, understood, recognition = item.submission, item.understood, item.recognition
    occur_time = submission.occur_time or tx.now()
    own = new_id()
    assert submission.id is not None
    system, external_id = submission.external or (None, None)
    # Nothing of it changes in this transaction once it is written, so no session need track it.
    make: type[Lead] = untracked(Lead)
    return make(
        id=submission.id,
        identity_id=recognition.identity_id if recognition else own,
        party_id=recognition.party_id if recognition else own,
        link_state=recognition.link_state if recognition else "UNRESOLVED",
        state="JUNK" if understood.junk else "OPEN",
        state_reason=", ".join(understood.junk),
        kind=understood.kind,
        **understood.values,
        longitude=submission.longitude,
        latitude=submission.latitude,
        interests=submission.interests,
        findings=understood.findings,
        custom=submission.custom,
        external_system=system,
        external_id=external_id,
        owner_id=submission.owner_id,
        unit_id=submission.unit_id,
        partner_party_id=submission.partner_party_id or tx.principal.partner_party_id,
        source_code=item.source.code,
        last_source_code=item.source.code,
        placement_id=item.placement.id if item.placement else None,
        campaign_id=submission.campaign_id or (item.placement.campaign_id if item.placement else None),
        occur_time=occur_time,
        last_touch_time=occur_time,
        next_contact_time=submission.next_contact_time,
        touch_count=1,
        score=0,
        grade="D",
        contributions=[],
        qualification="",
        pool_code="",
        assignment_rule_code="",
        recycle_warned=False,
        existing_customer=False,
    )


def _move(lead: Lead, tx: Tx) -> dict[str, Any]:
    return {
        "id": new_id(),
        "lead_id": lead.id,
        "owner_id": lead.owner_id,
        "unit_id": lead.unit_id,
        "partner_party_id": lead.partner_party_id,
        "pool_code": lead.pool_code,
        "kind": "ASSIGNED" if lead.owner_id else "POOLED",
        "reason": lead.assignment_rule_code,
        "move_time": tx.now(),
    }
