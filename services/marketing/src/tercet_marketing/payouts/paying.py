"""Handing payments over: outside of any transaction, and the outcome recorded in one. Whoever dies in between leaves a
payout that is with the payer; after its lease the payer is asked, and only what it never had is handed over again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Outside, Refusal, Tx
from tercet_marketing.channels.contract import Later, Refused, Unclear
from tercet_marketing.grants import ending
from tercet_marketing.grants import store as grants
from tercet_marketing.grants.model import Grant
from tercet_marketing.payouts import store
from tercet_marketing.payouts.accounts import Teller, tellers
from tercet_marketing.payouts.contract import Bill, Fate, Standing
from tercet_marketing.payouts.model import (
    CURRENCY_NOT_PAID,
    NO_ACCOUNT,
    NO_ADDRESS,
    PAYING,
    REFUSED,
    Payout,
)
from tercet_marketing.profiles.model import Profile
from tercet_marketing.sends.rules import chosen_point

log = structlog.get_logger(__name__)

# A handing-over may last this long at most; with less of its lease left, it is not begun.
LONGEST = timedelta(seconds=60)
_AT_ONCE = 8

Wake = Callable[[Tx, datetime], None]


@dataclass(frozen=True, slots=True)
class Order:
    """A payment that was marked as with the payer, or is asked after."""

    payout_id: UUID
    bill: Bill
    teller: Teller | None
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one handing-over, or one question after it, ended."""

    payout_id: UUID
    bill_id: UUID
    result: Standing | Refused | Later | Unclear


async def planned(tx: Tx, batch: Sequence[Payout]) -> list[Order]:
    """Marks each payout of the batch as with the payer, failed or given up; gives those that go."""
    if not batch:
        return []
    known = await tellers(tx, {payout.paid_by for payout in batch})
    people = await store.profiles(tx, {payout.identity_id for payout in batch})
    held = await grants.locked(tx, {payout.grant_id for payout in batch})
    going = []
    for payout in batch:
        teller, grant = known.get(payout.paid_by), held[payout.grant_id]
        point = None if teller is None else _point(people.get(payout.identity_id), teller)
        wrong = _against(payout, teller, point)
        if wrong is None:
            try:
                await ending.begin_payment(tx, grant)
            except Refusal as refusal:
                if refusal.passing:
                    raise
                wrong = refusal.reason, refusal.message
        if wrong is not None or teller is None or point is None or payout.amount is None:
            payout.fail(*(wrong or (NO_ACCOUNT, "")), tx.now())
            tx.emit(events.PayoutFailed, payout)
            continue
        payout.begin(teller.account.code, point, datetime.now(UTC))
        bill = Bill(payout.bill_id, payout.amount, point, people[payout.identity_id].display_name)
        going.append(Order(payout.id, bill, teller, datetime.now(UTC) + LONGEST * 2))
    return going


def _point(profile: Profile | None, teller: Teller) -> dict[str, Any] | None:
    payer = teller.payer
    return chosen_point(profile.contact_points if profile else (), payer.address_kind.value, payer.platform)


def _against(payout: Payout, teller: Teller | None, point: dict[str, Any] | None) -> tuple[str, str] | None:
    if teller is None:
        return NO_ACCOUNT, f"set up a payout account {payout.paid_by}, or turn it on, and retry"
    if payout.amount is not None and teller.payer.currencies and payout.amount.currency not in teller.payer.currencies:
        paid = ", ".join(sorted(teller.payer.currencies))
        return CURRENCY_NOT_PAID, f"{teller.payer.code} pays {paid}, not {payout.amount.currency}: give it up"
    if point is None:
        where = f"{teller.payer.platform} account" if teller.payer.platform else teller.payer.address_kind.value
        return NO_ADDRESS, f"record the customer's {where} and retry"
    return None


async def asked_after(tx: Tx, lost: Sequence[Payout]) -> list[Order]:
    """The questions to ask of what payers have."""
    known = await tellers(tx, {payout.account_code for payout in lost}, asking=True)
    return [
        Order(
            payout.id,
            Bill(payout.bill_id, payout.amount, payout.address or {}),
            known.get(payout.account_code),
            datetime.now(UTC) + LONGEST * 2,
        )
        for payout in lost
        if payout.amount is not None
    ]


class Cashier:
    """Hands over what was planned, asks after what is under way, and records what came of it. One a process."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def pay(self, house: Outside, orders: Sequence[Order]) -> None:
        """Hands over and records what came of it."""
        await self._run(house, [self._handed(order, house) for order in orders])

    async def ask(self, house: Outside, orders: Sequence[Order]) -> None:
        """Asks payers what became of payments, and records it."""
        await self._run(house, [self._asked(order, house) for order in orders])

    async def _run(self, house: Outside, work: Sequence[Coroutine[Any, Any, Outcome | None]]) -> None:
        for done in asyncio.as_completed(work):
            outcome = await done
            if outcome is None:
                continue
            try:
                async with house.transaction() as tx:
                    await record(tx, outcome, self._wake)
            except (Refusal, SQLAlchemyError, OSError) as fault:
                # It stays with the payer; after the lease it is asked after.
                log.warning("payouts.outcome_lost", payout_id=str(outcome.payout_id), cause=type(fault).__name__)

    async def _handed(self, order: Order, house: Outside) -> Outcome | None:
        async with self._slots:
            teller = order.teller
            if teller is None or order.lease_until - datetime.now(UTC) < LONGEST:
                # Too late to begin: whoever asks after it learns that the payer never had it.
                return None
            return await _told(order, teller.payer.pay(order.bill, teller.account, house))

    async def _asked(self, order: Order, house: Outside) -> Outcome | None:
        async with self._slots:
            if order.teller is None:
                gone = Standing(Fate.UNKNOWN, detail="its account is gone, so nobody can ask after it")
                return Outcome(order.payout_id, order.bill.id, gone)
            teller = order.teller
            told = await _told(order, teller.payer.standing(order.bill.id, teller.account, house))
            if isinstance(told.result, Standing):
                return told
            # A question that fails says nothing about the payment.
            return Outcome(order.payout_id, order.bill.id, Unclear(told.result.detail))


async def _told(order: Order, asked: Coroutine[Any, Any, Standing]) -> Outcome:
    result: Standing | Refused | Later | Unclear
    try:
        async with asyncio.timeout(LONGEST.total_seconds() - 10):
            result = await asked
    except (Refused, Later, Unclear) as told:
        result = told
    # An adapter from outside may fail in any way; then nobody knows whether the money went.
    except Exception as fault:
        log.exception("payouts.payer_failed", payout_id=str(order.payout_id))
        result = Unclear(f"{type(fault).__name__}: {fault}"[:500])
    return Outcome(order.payout_id, order.bill.id, result)


async def record(tx: Tx, outcome: Outcome, wake: Wake) -> None:
    """Writes down how a payment ended, when it was with the payer still."""
    payout = (await store.locked(tx, [outcome.payout_id])).get(outcome.payout_id)
    if payout is None or payout.state != PAYING or payout.bill_id != outcome.bill_id:
        return
    grant = (await grants.locked(tx, [payout.grant_id]))[payout.grant_id]
    match outcome.result:
        case Standing(fate=Fate.PAID) as paid:
            payout.pay(paid.provider_id, tx.now())
            await ending.paid(tx, grant, f"payout:{payout.id}", payout.provider_id)
            tx.emit(events.PayoutPaid, payout)
        case Standing(fate=Fate.FAILED) as failed:
            await _failed(tx, payout, grant, failed.detail)
        case Standing(fate=Fate.ABSENT):
            await ending.take_payment_back(tx, grant)
            payout.give_back(tx.now())
            wake(tx, tx.now())
        case Standing() as pending:
            payout.pend(pending.provider_id, pending.acceptance, pending.detail, datetime.now(UTC))
        case Refused() as refused:
            await _failed(tx, payout, grant, refused.detail)
        case Later() as later:
            await ending.take_payment_back(tx, grant)
            if payout.wait(later.detail, later.seconds, tx.now()):
                tx.emit(events.PayoutFailed, payout)
            elif payout.next_time is not None:
                wake(tx, payout.next_time)
        case Unclear() as unclear:
            payout.pend("", "", unclear.detail, datetime.now(UTC))


async def _failed(tx: Tx, payout: Payout, grant: Grant, detail: str) -> None:
    await ending.take_payment_back(tx, grant)
    payout.fail(REFUSED, detail, tx.now())
    tx.emit(events.PayoutFailed, payout)
