"""Queries of payouts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from tercet_chassis import Tx, derived_id
from tercet_marketing.payouts.contract import Bill
from tercet_marketing.payouts.model import FAILED, ISSUED, PAYING, Payout, PayoutAccount
from tercet_marketing.profiles.model import Profile

_CONSOLE = (
    "INSERT INTO console_payouts (tenant_id, id, payer_code, address, amount_amount, amount_currency, handed_over,"
    " create_time, update_time, row_version) VALUES ($1, $2, $3, $4::jsonb, $5, $6, 1, $7, $7, 1) "
    "ON CONFLICT (tenant_id, id) DO UPDATE SET handed_over = console_payouts.handed_over + 1,"
    " row_version = console_payouts.row_version + 1, update_time = excluded.update_time"
)
_CONSOLE_HAS = "SELECT FROM console_payouts WHERE id = $1"
_ORPHANS = (
    "SELECT p.id FROM payouts AS p JOIN grants AS g ON g.tenant_id = p.tenant_id AND g.id = p.grant_id "
    "WHERE p.state IN ('ISSUED', 'FAILED') AND g.state IN ('REVERSED', 'EXPIRED') LIMIT $1 "
    "FOR UPDATE OF p SKIP LOCKED"
)
_UNSOUND = """
SELECT p.id FROM fenced.payouts p JOIN fenced.grants g ON g.id = p.grant_id
WHERE (p.state = 'PAYING') <> (g.state = 'ISSUED' AND g.payment IS NOT DISTINCT FROM 'PAYING')
OR (p.state = 'PAID') <> (g.state = 'REDEEMED' AND g.payment IS NOT DISTINCT FROM 'PAID')
OR (p.state = 'PAID' AND (p.amount_amount, p.amount_currency) IS DISTINCT FROM (g.amount_amount, g.amount_currency))
LIMIT $1
"""


def payout_id(grant_id: UUID) -> UUID:
    """The payout of a grant: there is one."""
    return derived_id("payout", grant_id)


async def accounts(tx: Tx) -> list[PayoutAccount]:
    """All accounts, by code."""
    return list(await tx.session.scalars(select(PayoutAccount).order_by(PayoutAccount.code)))


async def open_through(tx: Tx, account_code: str) -> int:
    """How many payouts through an account the payer has."""
    query = select(func.count()).where(Payout.account_code == account_code, Payout.state == PAYING)
    return int(await tx.session.scalar(query) or 0)


async def known(tx: Tx, grants: Iterable[UUID]) -> set[UUID]:
    """Which of these grants have their payout."""
    return set(await tx.session.scalars(select(Payout.grant_id).where(Payout.grant_id.in_(set(grants)))))


async def claim_due(tx: Tx, most: int) -> Sequence[Payout]:
    """Payouts whose time has come, held; those that somebody else holds are left to them."""
    query = (
        select(Payout)
        .where(Payout.state == ISSUED, Payout.next_time <= tx.now())
        .order_by(Payout.next_time, Payout.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def claim_asked(tx: Tx, moment: datetime, most: int) -> Sequence[Payout]:
    """Payouts that the payer is to be asked after, held."""
    query = (
        select(Payout)
        .where(Payout.state == PAYING, Payout.lease_until < moment)
        .order_by(Payout.lease_until, Payout.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).all()


async def locked(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Payout]:
    """Payouts by id, held until the end of the transaction."""
    query = select(Payout).where(Payout.id.in_(set(ids))).order_by(Payout.id).with_for_update()
    return {row.id: row for row in await tx.session.scalars(query.execution_options(populate_existing=True))}


async def orphans(tx: Tx, most: int) -> list[UUID]:
    """Payouts that wait or failed, of grants that have ended; held."""
    return [row["id"] for row in await tx.fetch(_ORPHANS, most)]


async def failed_before(tx: Tx, moment: datetime, most: int) -> list[UUID]:
    """Payouts that failed before a moment and that nobody has done anything about; held."""
    query = select(Payout.id).where(Payout.state == FAILED, Payout.fail_time < moment).limit(most)
    return list(await tx.session.scalars(query.with_for_update(skip_locked=True)))


async def profiles(tx: Tx, identities: Iterable[UUID]) -> dict[UUID, Profile]:
    """The profile of each of these identities that has one."""
    found = await tx.session.scalars(select(Profile).where(Profile.identity_id.in_(set(identities))))
    return {one.identity_id: one for one in found}


async def keep_console(tx: Tx, bill: Bill, payer_code: str) -> None:
    """Writes a payment down once under its id."""
    address = json.dumps(dict(bill.address), ensure_ascii=False)
    amount = bill.amount
    await tx.fetch(_CONSOLE, tx.tenant_id, bill.id, payer_code, address, amount.amount, amount.currency, tx.now())


async def console_has(tx: Tx, bill_id: UUID) -> bool:
    """Whether the console has the payment."""
    return bool(await tx.fetch(_CONSOLE_HAS, bill_id))


async def unsound(tx: Tx, most: int) -> tuple[int, list[str]]:
    """How many payouts there are, and those that say something else than their grant."""
    count = (await tx.fetch("SELECT count(*) AS n FROM fenced.payouts"))[0]["n"]
    return int(count), [str(row["id"]) for row in await tx.fetch(_UNSOUND, most)]
