"""Ledgers on the real service: once by key, never short, also in parallel."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1.ledger_service_pb2 import (
    GetLedgerAccountRequest,
    LedgerAccount,
    ListLedgerAccountsRequest,
    ListLedgerEntriesRequest,
)
from tercet_chassis import Tx
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.ledgers import store
from tercet_marketing.ledgers.errors import LedgerBalanceInsufficient, LedgerKeyReused
from tercet_marketing.ledgers.jobs import expire_holds
from tercet_marketing.ledgers.rules import Account, AccountSpec, Holder, Leg

SOON = timedelta(minutes=20)


async def stock(marketing: Client, amount: str, unit: str = "coupon.summer") -> tuple[Account, Account]:
    """A stock with so many pieces, and where they come from and go to."""
    async with marketing.transaction() as tx:
        counter = await store.counter_account(tx, "LIMIT", unit, "issued")
        own = await store.open_account(tx, "LIMIT", unit, Holder("coupon", unit))
        await store.post(tx, f"fill {unit}", move(counter, own, amount), reason="FILL")
    return own, counter


def move(source: Account, target: Account, amount: str | Decimal) -> list[Leg]:
    return [Leg(source.id, -Decimal(amount)), Leg(target.id, Decimal(amount))]


async def standing(marketing: Client, id: UUID) -> Account:
    async with marketing.transaction() as tx:
        return (await store.accounts_by_id(tx, [id]))[id]


async def must_hold(marketing: Client) -> None:
    """All that must always be so of ledgers."""
    answer = await marketing.CheckInvariants(CheckInvariantsRequest())
    own = [finding for finding in answer.findings if finding.invariant.startswith("ledgers.")]
    assert len(own) == 4
    assert all(finding.holds for finding in own), own


async def test_an_account_is_opened_once(marketing: Client) -> None:
    async with marketing.transaction() as tx:
        first = await store.open_account(tx, "BUDGET", "CNY", Holder("policy", "welcome"), digits=2)
    async with marketing.transaction() as tx:
        assert await store.open_account(tx, "BUDGET", "CNY", Holder("policy", "welcome"), digits=2) == first
    with refused("LEDGER_ACCOUNT_DIFFERS"):
        async with marketing.transaction() as tx:
            await store.open_account(tx, "BUDGET", "CNY", Holder("policy", "welcome"), digits=3)


async def test_a_posting_is_made_once_by_its_key(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    for fresh in (True, False, False):
        async with marketing.transaction() as tx:
            posting = await store.post(tx, "redeem 1", move(own, counter, "3"), reason="REDEEM", reference="order/1")
            assert posting.fresh is fresh
    assert (await standing(marketing, own.id)).balance == 7
    with refused("LEDGER_KEY_REUSED", "key"):
        async with marketing.transaction() as tx:
            await store.post(tx, "redeem 1", move(own, counter, "4"), reason="REDEEM")
    await must_hold(marketing)


async def test_a_posting_that_stands_is_answered_also_when_nothing_is_left(marketing: Client) -> None:
    own, counter = await stock(marketing, "3")
    for _ in range(2):
        async with marketing.transaction() as tx:
            await store.post(tx, "redeem all", move(own, counter, "3"), reason="REDEEM")
    assert (await standing(marketing, own.id)).balance == 0


async def test_a_refused_posting_leaves_nothing_and_the_transaction_goes_on(marketing: Client) -> None:
    own, counter = await stock(marketing, "3")
    async with marketing.transaction() as tx:
        with pytest.raises(LedgerBalanceInsufficient):
            await store.post(tx, "too much", move(own, counter, "4"), reason="REDEEM")
        await store.post(tx, "enough", move(own, counter, "2"), reason="REDEEM")
        assert await store.posting_of(tx, "too much") is None
    assert (await standing(marketing, own.id)).balance == 1
    await must_hold(marketing)


async def test_the_database_itself_refuses_an_account_below_zero(marketing: Client) -> None:
    own, _ = await stock(marketing, "3")
    with pytest.raises(IntegrityError):
        async with marketing.transaction() as tx:
            await tx.fetch("UPDATE ledger_accounts SET balance = -1 WHERE id = $1", own.id)


async def test_a_hold_is_confirmed_once_and_gives_back_what_it_does_not_take(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    async with marketing.transaction() as tx:
        for _ in range(2):
            kept = await store.hold(tx, "till 1", own, Decimal(8), tx.now() + SOON)
            assert kept.state == "HELD"
    assert (await standing(marketing, own.id)).available == 2
    with refused("LEDGER_KEY_REUSED"):
        async with marketing.transaction() as tx:
            await store.hold(tx, "till 1", own, Decimal(7), tx.now() + SOON)
    with refused("LEDGER_HOLD_EXCEEDED"):
        async with marketing.transaction() as tx:
            await store.confirm(tx, "till 1", move(own, counter, "9"), reason="REDEEM")
    for fresh in (True, False):
        async with marketing.transaction() as tx:
            posting = await store.confirm(tx, "till 1", move(own, counter, "5"), reason="REDEEM")
            assert posting.fresh is fresh
    stands = await standing(marketing, own.id)
    assert (stands.balance, stands.held) == (Decimal(5), Decimal(0))
    with refused("LEDGER_HOLD_ENDED"):
        async with marketing.transaction() as tx:
            await store.release(tx, "till 1")
    await must_hold(marketing)


async def test_a_released_hold_cannot_be_confirmed(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    async with marketing.transaction() as tx:
        await store.hold(tx, "till 1", own, Decimal(8), tx.now() + SOON)
    for _ in range(2):
        async with marketing.transaction() as tx:
            released = await store.release(tx, "till 1")
            assert released is not None
            assert released.state == "RELEASED"
    assert (await standing(marketing, own.id)).available == 10
    with refused("LEDGER_HOLD_ENDED"):
        async with marketing.transaction() as tx:
            await store.confirm(tx, "till 1", move(own, counter, "8"), reason="REDEEM")
    async with marketing.transaction() as tx:
        assert await store.release(tx, "never made") is None
    with refused("LEDGER_HOLD_UNKNOWN"):
        async with marketing.transaction() as tx:
            await store.confirm(tx, "never made", move(own, counter, "8"), reason="REDEEM")


async def test_a_crash_between_hold_and_confirm_loses_nothing(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with marketing.transaction() as tx:
        await store.hold(tx, "crashed 1", own, Decimal(6), past)
        await store.hold(tx, "crashed 2", own, Decimal(4), past)
    # Whoever needs it gets it at once, before any job ran.
    async with marketing.transaction() as tx:
        await store.post(tx, "redeem 1", move(own, counter, "1"), reason="REDEEM")
    assert (await standing(marketing, own.id)).available == 9
    async with marketing.transaction() as tx:
        await store.hold(tx, "crashed 3", own, Decimal(9), past)
    async with marketing.transaction() as tx:
        await expire_holds(tx)
    assert (await standing(marketing, own.id)).available == 9
    with refused("LEDGER_HOLD_ENDED"):
        async with marketing.transaction() as tx:
            await store.confirm(tx, "crashed 3", move(own, counter, "9"), reason="REDEEM")
    await must_hold(marketing)


async def test_a_reversal_moves_all_back_once(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    async with marketing.transaction() as tx:
        await store.post(tx, "redeem 1", move(own, counter, "4"), reason="REDEEM", reference="order/1")
    for _ in range(2):
        async with marketing.transaction() as tx:
            posting = await store.reverse(tx, "cancel 1", "redeem 1", reason="CANCEL")
            assert posting.reference == "order/1"
    assert (await standing(marketing, own.id)).balance == 10
    with refused("LEDGER_POSTING_REVERSED"):
        async with marketing.transaction() as tx:
            await store.reverse(tx, "cancel 2", "redeem 1", reason="CANCEL")
    with refused("LEDGER_POSTING_UNKNOWN"):
        async with marketing.transaction() as tx:
            await store.reverse(tx, "cancel 3", "redeem 9", reason="CANCEL")


async def test_accounts_and_entries_are_read(marketing: Client) -> None:
    own, counter = await stock(marketing, "10")
    async with marketing.transaction() as tx:
        await store.post(tx, "redeem 1", move(own, counter, "4"), reason="REDEEM", note="补发")
    listed = await marketing.ListLedgerAccounts(ListLedgerAccountsRequest(filter='kind = "LIMIT" AND counter = false'))
    assert [(one.id, one.balance) for one in listed.ledger_accounts] == [(str(own.id), "6.0000")]
    entries = await marketing.ListLedgerEntries(
        ListLedgerEntriesRequest(account_id=str(own.id), order_by="create_time", filter='reason = "REDEEM"')
    )
    assert [(one.amount, one.balance_after, one.note) for one in entries.ledger_entries] == [
        ("-4.0000", "6.0000", "补发")
    ]
    got: LedgerAccount = await marketing.GetLedgerAccount(GetLedgerAccountRequest(id=str(counter.id)))
    assert not got.HasField("balance")
    with refused("RESOURCE_NOT_FOUND"):
        await marketing.ListLedgerEntries(ListLedgerEntriesRequest(account_id=str(new_id())))


async def test_other_tenants_see_nothing(marketing: Client) -> None:
    own, _ = await stock(marketing, "10")
    stranger = await marketing.running.tenant()
    async with stranger.transaction() as tx:
        assert await store.accounts_by_id(tx, [own.id]) == {}
        assert await store.lock_accounts(tx, [own.id]) == {}


# -- in parallel ------------------------------------------------------------------------------------------------------
async def test_a_thousand_redeems_of_a_hundred_give_exactly_a_hundred(marketing: Client) -> None:
    own, counter = await stock(marketing, "100")

    async def redeem(number: int) -> bool:
        try:
            async with marketing.transaction() as tx:
                await store.post(tx, f"redeem {number}", move(own, counter, "1"), reason="REDEEM")
        except LedgerBalanceInsufficient:
            return False
        return True

    won = await asyncio.gather(*(redeem(number) for number in range(1000)))
    assert sum(won) == 100
    assert (await standing(marketing, own.id)).balance == 0
    await must_hold(marketing)


async def test_one_key_posted_by_many_at_once_takes_effect_once(marketing: Client) -> None:
    own, counter = await stock(marketing, "100")

    async def redeem() -> bool:
        async with marketing.transaction() as tx:
            return (await store.post(tx, "redeem once", move(own, counter, "7"), reason="REDEEM")).fresh

    assert sum(await asyncio.gather(*(redeem() for _ in range(50)))) == 1
    assert (await standing(marketing, own.id)).balance == 93


async def test_a_budget_is_not_overspent_by_a_cent(marketing: Client) -> None:
    async with marketing.transaction() as tx:
        specs = [AccountSpec("BUDGET", "CNY", Holder("budget", f"b{at}"), 2) for at in range(4)]
        budgets = await store.open_accounts(tx, specs)
        spent = await store.counter_account(tx, "BUDGET", "CNY", "spent", digits=2)
        for budget in budgets:
            await store.post(tx, f"open {budget.holder.key}", move(spent, budget, "33.33"), reason="TOP_UP")

    async def work(tx: Tx, number: int) -> Decimal:
        # Two budgets each, in whatever order: nobody waits in a circle.
        first, second = budgets[number % 4], budgets[(number * 3 + 1) % 4]
        amount = Decimal("0.97")
        legs = [Leg(first.id, -amount), Leg(second.id, -amount), Leg(spent.id, 2 * amount)]
        match number % 3:
            case 0:
                await store.post(tx, f"spend {number}", legs, reason="SPEND")
                return 2 * amount
            case 1:
                await store.hold(tx, f"hold {number}", first, amount, tx.now() + SOON)
                await store.confirm(tx, f"hold {number}", move(first, spent, amount), reason="SPEND")
                return amount
            case _:
                await store.hold(tx, f"hold {number}", second, amount, tx.now() + SOON)
                await store.release(tx, f"hold {number}")
                return Decimal(0)

    async def run(number: int) -> Decimal:
        try:
            async with marketing.transaction() as tx:
                return await work(tx, number)
        except LedgerBalanceInsufficient:
            return Decimal(0)

    taken = sum(await asyncio.gather(*(run(number) for number in range(240))))
    async with marketing.transaction() as tx:
        left = await store.accounts_by_id(tx, [budget.id for budget in budgets])
        counted = await store.balance_as_of(tx, [spent.id])
    assert sum(one.balance for one in left.values()) == Decimal("133.32") - taken
    assert counted[spent.id] == taken - Decimal("133.32")
    assert all(0 <= one.balance < Decimal("0.97") * 2 and one.held == 0 for one in left.values())
    await must_hold(marketing)


async def test_the_same_key_with_other_legs_is_refused_among_many_at_once(marketing: Client) -> None:
    own, counter = await stock(marketing, "100")

    async def redeem(amount: int) -> str:
        try:
            async with marketing.transaction() as tx:
                await store.post(tx, "contested", move(own, counter, str(amount)), reason="REDEEM")
        except LedgerKeyReused:
            return "refused"
        return "posted"

    outcomes = await asyncio.gather(*(redeem(1 + at % 2) for at in range(20)))
    assert outcomes.count("posted") == 10
    assert (await standing(marketing, own.id)).balance in (98, 99)
