"""A lead: its data, and the moves between its states."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tercet_chassis.entity import Custom, Entity, External, Linked, Mapped, Owned, Searchable, column, index, unique
from tercet_leads.leads.errors import (
    ContactInFuture,
    LeadAlreadyClaimed,
    LeadAlreadyConverted,
    LeadConverting,
    LeadHasNoOwner,
    LeadMerged,
    LeadNotClosed,
    LeadNotInPool,
    LeadNotOpen,
    LeadNotQualified,
)

FOLLOWED = ("OPEN", "WORKING", "QUALIFIED", "CONVERTING")
CLOSED = ("DISQUALIFIED", "JUNK")


class Lead(Linked, Owned, Custom, External, Searchable, Entity):
    """One open interest of a party."""

    __tablename__ = "leads"
    __table_args__ = (
        unique("leads_by_external_ref", "external_system", "external_id", field="lead.external_ref"),
        index("leads_by_party", "party_id", where="state IN ('OPEN', 'WORKING', 'QUALIFIED', 'CONVERTING')"),
        index("leads_by_identity", "identity_id"),
        index("leads_by_state", "state", "create_time"),
        index("leads_by_owner", "owner_id", "state"),
        index("leads_by_pool", "pool_code", "state", where="owner_id IS NULL"),
        index("leads_by_recycle_time", "recycle_time", where="recycle_time IS NOT NULL"),
        index("leads_by_duplicate", "duplicate_of_id", where="duplicate_of_id IS NOT NULL"),
        index("leads_by_merge", "merged_into_id", where="merged_into_id IS NOT NULL"),
        # With the id, which breaks ties: many leads have the same score.
        index("leads_by_score", "score", "id"),
        # The working list: a grade follows from the score, so the index above would pass all better leads first.
        index("leads_by_grade", "state", "grade", "score", "id"),
    )

    link_state: Mapped[str] = column(default="UNRESOLVED")
    state: Mapped[str] = column(default="OPEN")
    kind: Mapped[str] = column(default="PERSON")
    full_name: Mapped[str | None]
    company_name: Mapped[str | None]
    job_title: Mapped[str | None]
    mobile: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    wechat: Mapped[str | None]
    openid: Mapped[str | None]
    id_number: Mapped[str | None]
    uscc: Mapped[str | None]
    tax_number: Mapped[str | None]
    license_number: Mapped[str | None]
    website: Mapped[str | None]
    country_code: Mapped[str | None]
    province: Mapped[str | None]
    city: Mapped[str | None]
    district: Mapped[str | None]
    address: Mapped[str | None]
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    interests: Mapped[list[Any]] = column(default=list)
    remark: Mapped[str | None]
    findings: Mapped[list[Any]] = column(default=list)

    source_code: Mapped[str]
    last_source_code: Mapped[str]
    placement_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    occur_time: Mapped[datetime]
    touch_count: Mapped[int] = column(default=1)
    last_touch_time: Mapped[datetime]

    score: Mapped[int] = column(default=0)
    grade: Mapped[str] = column(default="D")
    contributions: Mapped[list[Any]] = column(default=list)
    score_time: Mapped[datetime | None]
    qualify_time: Mapped[datetime | None]
    qualification: Mapped[str] = column(default="")
    state_reason: Mapped[str] = column(default="")

    pool_code: Mapped[str] = column(default="")
    assignment_rule_code: Mapped[str] = column(default="")
    assign_time: Mapped[datetime | None]
    recycle_time: Mapped[datetime | None]
    recycle_warned: Mapped[bool] = column(default=False)
    first_contact_time: Mapped[datetime | None]
    first_contact_seconds: Mapped[int | None]
    last_contact_time: Mapped[datetime | None]
    next_contact_time: Mapped[datetime | None]

    existing_customer: Mapped[bool] = column(default=False)
    customer_id: Mapped[UUID | None]
    opportunity_id: Mapped[UUID | None]
    convert_time: Mapped[datetime | None]
    duplicate_of_id: Mapped[UUID | None]
    merged_into_id: Mapped[UUID | None]
    state_before_merge: Mapped[str | None]

    # -- guards -------------------------------------------------------------------------------------------------------
    def check_not_converted(self) -> None:
        """Refuses when it became a customer or is about to, and when it was joined into another."""
        if self.merged_into_id is not None:
            raise LeadMerged(lead_id=self.id, merged_into_id=self.merged_into_id)
        if self.state == "CONVERTED":
            raise LeadAlreadyConverted(lead_id=self.id, customer_id=self.customer_id)
        if self.state == "CONVERTING":
            raise LeadConverting(lead_id=self.id)

    def check_followed(self) -> None:
        """Refuses when nobody follows it up any more or a conversion is under way."""
        self.check_not_converted()
        if self.state not in FOLLOWED:
            raise LeadNotOpen(lead_id=self.id, state=self.state)

    # -- from marketing to sales ---------------------------------------------------------------------------------------
    def qualify(self, now: datetime, rule: str, reason: str) -> None:
        """OPEN or WORKING to QUALIFIED. `rule` says what decided. Refuses any other state."""
        self.check_not_converted()
        if self.state not in ("OPEN", "WORKING"):
            raise LeadNotOpen(lead_id=self.id, state=self.state)
        self.state, self.qualify_time, self.qualification, self.state_reason = "QUALIFIED", now, rule, reason

    def disqualify(self, reason: str) -> None:
        """Closes it without result. Refuses one that is closed or converted."""
        self.check_followed()
        self.state, self.state_reason, self.recycle_time = "DISQUALIFIED", reason, None

    def hand_back(self, reason: str) -> UUID | None:
        """QUALIFIED or WORKING back to OPEN without an owner, whom it answers. Refuses any other state."""
        self.check_not_converted()
        if self.state not in ("QUALIFIED", "WORKING"):
            raise LeadNotQualified(lead_id=self.id, state=self.state)
        previous = self._let_go()
        self.state, self.state_reason, self.qualify_time, self.qualification = "OPEN", reason, None, ""
        return previous

    def reopen(self, reason: str) -> None:
        """DISQUALIFIED or JUNK to OPEN. Refuses any other state."""
        self.check_not_converted()
        if self.state not in CLOSED:
            raise LeadNotClosed(lead_id=self.id, state=self.state)
        self.state, self.state_reason = "OPEN", reason

    # -- contact ------------------------------------------------------------------------------------------------------
    def contact(self, at: datetime, now: datetime, next_time: datetime | None) -> bool:
        """Notes a contact; OPEN becomes WORKING. Answers whether it was the first. Refuses closed leads and the
        future.
        """
        self.check_followed()
        if at > now:
            raise ContactInFuture()
        first = self.first_contact_time is None
        if first:
            self.first_contact_time = at
            self.first_contact_seconds = max(0, int((at - self.occur_time).total_seconds()))
        self.last_contact_time = max(at, self.last_contact_time or at)
        self.next_contact_time = next_time
        if self.state == "OPEN":
            self.state = "WORKING"
        return first

    # -- owners -------------------------------------------------------------------------------------------------------
    def check_claimable(self) -> None:
        """Refuses when somebody has it or it waits in no pool."""
        self.check_followed()
        if self.owner_id is not None:
            raise LeadAlreadyClaimed(lead_id=self.id)
        if not self.pool_code:
            raise LeadNotInPool(lead_id=self.id)

    def claim(self, owner_id: UUID, now: datetime) -> None:
        """Takes it out of its pool. Refuses when somebody has it or it waits in none."""
        self.check_claimable()
        self.owner_id, self.assign_time, self.recycle_warned = owner_id, now, False

    def assign(self, owner_id: UUID, now: datetime, rule: str) -> UUID | None:
        """Gives it to a seller and answers who had it. Refuses closed leads."""
        self.check_followed()
        previous = self.owner_id
        self.owner_id, self.assign_time, self.assignment_rule_code, self.recycle_warned = owner_id, now, rule, False
        return previous

    def release(self, pool_code: str, reason: str) -> UUID:
        """Puts it into a pool and answers who had it. Refuses one that nobody has."""
        self.check_followed()
        if self.owner_id is None:
            raise LeadHasNoOwner(lead_id=self.id)
        previous = self._let_go()
        assert previous is not None
        self.pool_code, self.state_reason = pool_code, reason
        if self.state == "WORKING":
            self.state = "OPEN"
        return previous

    def _let_go(self) -> UUID | None:
        previous, self.owner_id = self.owner_id, None
        self.assign_time, self.recycle_time, self.recycle_warned = None, None, False
        return previous

    # -- conversion ---------------------------------------------------------------------------------------------------
    def begin_conversion(self, customer_id: UUID, opportunity_id: UUID) -> None:
        """QUALIFIED to CONVERTING with both ids chosen. Refuses any other state."""
        self.check_not_converted()
        if self.state != "QUALIFIED":
            raise LeadNotQualified(lead_id=self.id, state=self.state)
        self.state, self.customer_id, self.opportunity_id = "CONVERTING", customer_id, opportunity_id

    def finish_conversion(self, customer_id: UUID, now: datetime) -> None:
        """CONVERTING to CONVERTED; the customer may be one that was there before."""
        self.state, self.customer_id, self.convert_time, self.recycle_time = "CONVERTED", customer_id, now, None
        self.state_reason = ""

    def take_conversion_back(self, reason: str) -> None:
        """CONVERTING to QUALIFIED with sales' reason."""
        self.state, self.state_reason, self.opportunity_id = "QUALIFIED", reason, None
        if not self.existing_customer:
            self.customer_id = None

    # -- joining ------------------------------------------------------------------------------------------------------
    def merge_into(self, lead_id: UUID) -> None:
        """Any state that is followed up to MERGED. Refuses any other."""
        self.check_followed()
        self.state_before_merge, self.state, self.merged_into_id = self.state, "MERGED", lead_id
        self.duplicate_of_id, self.touch_count = None, 0

    def part_again(self, touches: int) -> None:
        """MERGED to where it stood, with its touches."""
        self.state, self.state_before_merge, self.merged_into_id = self.state_before_merge or "OPEN", None, None
        self.touch_count = touches
