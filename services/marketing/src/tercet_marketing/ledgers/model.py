"""Accounts, postings, entries and holds as rows. Only balances change; everything else is written once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint

from tercet_chassis.entity import Entity, Mapped, column, index, unique


class LedgerAccount(Entity):
    """What a holder has of a unit."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        unique("ledger_accounts_by_holder", "kind", "unit", "holder_type", "holder_key", field="holder_key"),
        index("ledger_accounts_of_holder", "holder_type", "holder_key"),
        # A counter keeps no figure; nobody else has less than is held, unless it may owe.
        CheckConstraint(
            "CASE WHEN counter THEN balance IS NULL AND held = 0 "
            "ELSE balance IS NOT NULL AND held >= 0 AND (may_go_below OR balance - held >= 0) END",
            name="ledger_accounts_never_short",
        ),
    )

    kind: Mapped[str]
    unit: Mapped[str]
    digits: Mapped[int]
    holder_type: Mapped[str]
    holder_key: Mapped[str]
    balance: Mapped[Decimal | None]
    held: Mapped[Decimal] = column(default=Decimal(0))
    may_go_below: Mapped[bool] = column(default=False)
    counter: Mapped[bool] = column(default=False)


class LedgerPosting(Entity):
    """One thing that happened, in full or not at all."""

    __tablename__ = "ledger_postings"
    __message__ = None
    __table_args__ = (
        unique("ledger_postings_by_key", "key", field="key"),
        unique("ledger_postings_by_reversed", "reverses_id", field="of_key"),
        index("ledger_postings_by_reference", "reference", "occur_time", where="reference <> ''"),
    )

    key: Mapped[str]
    reason: Mapped[str]
    reference: Mapped[str]
    note: Mapped[str]
    user_id: Mapped[UUID | None]
    reverses_id: Mapped[UUID | None]
    occur_time: Mapped[datetime]
    # What was posted, to tell a repetition from another posting under the same key.
    digest: Mapped[str]


class LedgerEntry(Entity):
    """What one account got by one posting."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        index("ledger_entries_of_account", "account_id", "occur_time"),
        index("ledger_entries_of_posting", "posting_id"),
    )

    posting_id: Mapped[UUID]
    account_id: Mapped[UUID]
    amount: Mapped[Decimal]
    balance_after: Mapped[Decimal | None]
    reason: Mapped[str]
    reference: Mapped[str]
    note: Mapped[str]
    user_id: Mapped[UUID | None]
    occur_time: Mapped[datetime]


class LedgerHold(Entity):
    """An amount kept for somebody until it is taken, given back, or its time is over."""

    __tablename__ = "ledger_holds"
    __message__ = None
    __table_args__ = (
        unique("ledger_holds_by_key", "key", field="key"),
        index("ledger_holds_due", "expire_time", where="state = 'HELD'"),
        index("ledger_holds_of_account", "account_id", where="state = 'HELD'"),
    )

    key: Mapped[str]
    account_id: Mapped[UUID]
    amount: Mapped[Decimal]
    state: Mapped[str] = column(default="HELD")
    expire_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
