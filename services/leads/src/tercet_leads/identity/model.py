"""Identities (traces by which we met somebody), parties (who we hold them to be), their keys, and the decisions of
people about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Table, Uuid

from tercet_chassis.entity import Entity, Mapped, OfParty, column, index, metadata_of
from tercet_leads.identity.errors import (
    DecisionNotAMerge,
    IdentityOfOtherParty,
    MergeAlreadyUndone,
    PartiesOfDifferentKind,
    PartyAlreadyMerged,
    PartyMergedWithItself,
    SplitLeavesNobody,
)
from tercet_leads.identity.evidence import Evidence, profile_of

ACTIVE, MERGED = "ACTIVE", "MERGED"
KINDS = {"individual": "PERSON", "company": "COMPANY"}  # what cleaning calls it -> what the contract does


def phones_of(evidence: Evidence) -> list[str]:
    """Phone numbers in E.164, mobiles first."""
    mobiles = ["+86" + number if number[0] != "+" else number for number in evidence.get("mobiles")]
    return [*mobiles, *evidence.get("landlines")]


def emails_of(evidence: Evidence) -> list[str]:
    """Mailboxes, personal ones first."""
    return [*evidence.get("emails"), *evidence.get("roles")]


class Identity(OfParty, Entity):
    """One trace: what it said in comparable form, whose it is held to be and why. Its id never changes, its party
    may."""

    __tablename__ = "identities"
    __table_args__ = (index("identities_by_party", "party_id", "create_time"),)

    party_id: Mapped[UUID]
    kind: Mapped[str]
    link_state: Mapped[str]
    # How often the identity was moved from party to party; receivers keep the newest.
    move_version: Mapped[int] = column(BigInteger, default=0)
    display_name: Mapped[str] = column(default="")
    company_name: Mapped[str] = column(default="")
    phones: Mapped[list[Any]] = column(default=list)
    emails: Mapped[list[Any]] = column(default=list)
    origin: Mapped[str] = column(default="lead")
    origin_id: Mapped[UUID | None]
    score: Mapped[float] = column(default=0.0)
    explanation: Mapped[list[dict[str, Any]]] = column(default=list)
    evidence: Mapped[dict[str, Any]] = column(default=dict)
    decided_by: Mapped[str] = column(default="RULES")

    def comparable(self) -> Evidence:
        """What it said, as rules compare it."""
        return Evidence.from_json(self.evidence)

    def move(self, party_id: UUID, decided_by: str, link_state: str) -> dict[str, Any]:
        """Puts the trace to another party and tells the move."""
        self.move_version += 1
        moved = {
            "identity_id": self.id,
            "from_party_id": self.party_id,
            "to_party_id": party_id,
            "version": self.move_version,
        }
        self.party_id, self.decided_by, self.link_state = party_id, decided_by, link_state
        return moved


class Party(OfParty, Entity):
    """A person or company as we hold them to be today: the traces that belong together."""

    __tablename__ = "parties"
    __party__ = "id"
    __table_args__ = (index("parties_by_create_time", "create_time"),)

    kind: Mapped[str]
    state: Mapped[str] = column(default=ACTIVE)
    merged_into_id: Mapped[UUID | None]
    display_name: Mapped[str] = column(default="")
    company_name: Mapped[str] = column(default="")
    phones: Mapped[list[Any]] = column(default=list)
    emails: Mapped[list[Any]] = column(default=list)
    member_count: Mapped[int] = column(default=0)
    evidence: Mapped[dict[str, Any]] = column(default=dict)

    def comparable(self) -> Evidence:
        """The profile that new traces are compared with."""
        return Evidence.from_json(self.evidence)

    def check_active(self) -> None:
        """Refuses a party that was merged into another."""
        if self.state != ACTIVE:
            raise PartyAlreadyMerged(party_id=self.id, merged_into_id=self.merged_into_id)

    def check_mergeable(self, others: Iterable[Party]) -> None:
        """Refuses itself, other kinds and parties that are merged already."""
        self.check_active()
        for other in others:
            if other.id == self.id:
                raise PartyMergedWithItself(party_id=self.id)
            other.check_active()
            if other.kind != self.kind:
                raise PartiesOfDifferentKind(party_id=self.id, kind=self.kind, other_id=other.id, other_kind=other.kind)

    def check_split(self, leaving: Sequence[Identity], members: int) -> None:
        """Refuses identities of other parties and a split that leaves nobody."""
        self.check_active()
        for identity in leaving:
            if identity.party_id != self.id:
                raise IdentityOfOtherParty(identity_id=identity.id, party_id=self.id)
        if len(leaving) >= members:
            raise SplitLeavesNobody(party_id=self.id, members=members)

    def rebuild(self, members: Sequence[Identity]) -> None:
        """Profile, names and contact points anew from its members, oldest first; an empty party keeps what it had."""
        self.member_count = len(members)
        if not members:
            return
        profile = profile_of(member.comparable() for member in members)
        self.evidence, self.phones, self.emails = profile.to_json(), phones_of(profile), emails_of(profile)
        self.display_name = next((m.display_name for m in reversed(members) if m.display_name), "")
        self.company_name = next((m.company_name for m in reversed(members) if m.company_name), "")


class PartyDecision(OfParty, Entity):
    """What a person decided about parties: a merge, its undoing or a split, with every move it made."""

    __tablename__ = "party_decisions"
    __table_args__ = (index("party_decisions_by_party", "party_id", "create_time"),)

    kind: Mapped[str]  # MERGE | UNMERGE | SPLIT
    party_id: Mapped[UUID]
    reason: Mapped[str] = column(default="")
    decide_time: Mapped[datetime]
    decided_by: Mapped[str]
    moves: Mapped[list[dict[str, Any]]] = column(default=list)
    # Each moved identity's link as it was before, so that undoing leaves nothing behind.
    links_before: Mapped[dict[str, Any]] = column(default=dict)
    undone_by_id: Mapped[UUID | None]

    def check_undoable(self, party_id: UUID) -> None:
        """Refuses what is no merge into this party and what was undone before."""
        if self.kind != "MERGE" or self.party_id != party_id:
            raise DecisionNotAMerge(decision_id=self.id, kind=self.kind)
        if self.undone_by_id is not None:
            raise MergeAlreadyUndone(decision_id=self.id, undone_by_id=self.undone_by_id)


# Blocking keys as 64-bit digests: narrow, because intake writes a dozen of them for each lead.
party_keys = Table(
    "party_keys",
    metadata_of("tercet_leads"),
    Column("tenant_id", Uuid(), primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("party_id", Uuid(), primary_key=True),
)
