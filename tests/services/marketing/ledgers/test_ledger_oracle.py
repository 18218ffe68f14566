"""The ledger against an oracle that knows nothing but additions: the pure book, and the real one."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tercet_chassis.testing import Client
from tercet_marketing.ledgers import store
from tercet_marketing.ledgers.errors import (
    LedgerBalanceInsufficient,
    LedgerHoldEnded,
    LedgerHoldExceeded,
    LedgerPostingReversed,
)
from tercet_marketing.ledgers.rules import Account, AccountSpec, Book, Hold, Holder, Leg, merged

NAMES = st.sampled_from("abcd")
AMOUNTS = st.decimals("0.01", 30, places=2)
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


def id_of(name: str) -> UUID:
    return uuid5(UUID(int=9), name)


class BookAgainstOracle(RuleBasedStateMachine):
    """Moves and holds between four accounts; `d` may owe."""

    def __init__(self) -> None:
        super().__init__()
        self.has = {name: Decimal(20) for name in "abcd"}
        self.kept: dict[str, tuple[str, Decimal]] = {}
        self.number = 0
        self.book = Book(
            {
                id_of(name): Account(
                    id_of(name),
                    "BUDGET",
                    "CNY",
                    Holder("budget", name),
                    2,
                    Decimal(20),
                    Decimal(0),
                    may_go_below=name == "d",
                    counter=False,
                )
                for name in "abcd"
            }
        )

    def free(self, name: str) -> Decimal:
        return self.has[name] - sum((amount for own, amount in self.kept.values() if own == name), Decimal(0))

    @rule(source=NAMES, to=NAMES, amount=AMOUNTS)
    def move(self, source: str, to: str, amount: Decimal) -> None:
        if source == to:
            return
        legs = merged([Leg(id_of(source), -amount), Leg(id_of(to), amount)])
        if source != "d" and self.free(source) < amount:
            with pytest.raises(LedgerBalanceInsufficient):
                self.book.post(legs)
            return
        self.book.post(legs)
        self.has[source] -= amount
        self.has[to] += amount

    @rule(name=NAMES, amount=AMOUNTS)
    def keep(self, name: str, amount: Decimal) -> None:
        if name != "d" and self.free(name) < amount:
            with pytest.raises(LedgerBalanceInsufficient):
                self.book.hold(id_of(name), amount)
            return
        self.book.hold(id_of(name), amount)
        self.number += 1
        self.kept[f"k{self.number}"] = (name, amount)

    @rule(choice=st.integers(0, 99))
    def end(self, choice: int) -> None:
        if self.kept:
            key = sorted(self.kept)[choice % len(self.kept)]
            name, amount = self.kept.pop(key)
            self.book.end([Hold(key, id_of(name), amount, "HELD", UNTIL)], "RELEASED")

    @invariant()
    def figures_agree(self) -> None:
        for name, amount in self.has.items():
            account = self.book.accounts[id_of(name)]
            assert (account.balance, account.available) == (amount, self.free(name))
            assert name == "d" or account.available >= 0
        assert sum(self.has.values()) == 80


TestBookAgainstOracle = BookAgainstOracle.TestCase


@pytest.mark.parametrize("seed", range(3))
async def test_the_ledger_stands_where_additions_say(marketing: Client, seed: int) -> None:
    """Random postings, holds, confirmations, releases, reversals and repetitions of all of them."""
    dice = random.Random(seed)
    async with marketing.transaction() as tx:
        specs = [AccountSpec("LIMIT", "piece", Holder("tool", name), 0) for name in "abc"]
        accounts = await store.open_accounts(tx, specs)
        house = await store.counter_account(tx, "LIMIT", "piece", "issued")
        for account in accounts:
            legs = [Leg(house.id, Decimal(-40)), Leg(account.id, Decimal(40))]
            await store.post(tx, f"fill {account.holder.key}", legs, reason="FILL")
        past = tx.now() - timedelta(days=1)
    has = {account.id: 40 for account in accounts}
    kept: dict[str, tuple[UUID, int]] = {}
    posted: dict[str, list[Leg]] = {}
    done: list[tuple[Any, ...]] = []

    async def do(what: str, *given: Any) -> bool:
        try:
            async with marketing.transaction() as tx:
                match what, *given:
                    case "post", key, legs:
                        await store.post(tx, key, legs, reason="MOVE")
                    case "hold", key, id, amount:
                        await store.hold(tx, key, id, Decimal(amount), tx.now() + timedelta(hours=1))
                    case "confirm", key, legs:
                        await store.confirm(tx, key, legs, reason="MOVE")
                    case "release", key:
                        await store.release(tx, key)
                    case "reverse", key, of_key:
                        await store.reverse(tx, key, of_key, reason="BACK")
        except (LedgerBalanceInsufficient, LedgerHoldEnded, LedgerHoldExceeded, LedgerPostingReversed):
            return False
        return True

    def free(id: UUID) -> int:
        return has[id] - sum(amount for own, amount in kept.values() if own == id)

    reversed_keys: set[str] = set()
    for number in range(120):
        id, amount, key = dice.choice(list(has)), dice.randint(1, 15), f"{number}"
        out = [Leg(id, Decimal(-amount)), Leg(house.id, Decimal(amount))]
        match dice.choice(["post", "hold", "confirm", "release", "reverse", "again"]):
            case "post":
                done.append(("post", key, out))
                assert await do("post", key, out) == (free(id) >= amount)
                if free(id) >= amount:
                    has[id] -= amount
                    posted[key] = out
            case "hold":
                can = free(id) >= amount
                assert await do("hold", f"h{key}", id, amount) == can
                if can:
                    kept[f"h{key}"] = (id, amount)
            case "confirm" if kept:
                own = dice.choice(sorted(kept))
                id, most = kept[own]
                take = [Leg(id, Decimal(-amount)), Leg(house.id, Decimal(amount))]
                assert await do("confirm", own, take) == (amount <= most)
                if amount <= most:
                    del kept[own]
                    has[id] -= amount
                    posted[own] = take
                    done.append(("confirm", own, take))
            case "release" if kept:
                own = dice.choice(sorted(kept))
                assert await do("release", own)
                del kept[own]
                done.append(("release", own))
            case "reverse" if posted:
                of = dice.choice(sorted(posted))
                assert await do("reverse", f"r{key}", of) == (of not in reversed_keys)
                if of not in reversed_keys:
                    reversed_keys.add(of)
                    gave = next(leg for leg in posted[of] if leg.account_id != house.id)
                    has[gave.account_id] -= int(gave.amount)
            case "again" if done:
                # What was refused may go through now; what took effect takes none again.
                again = dice.choice(done)
                if again[0] != "post" or again[1] in posted:
                    assert await do(*again)
        async with marketing.transaction() as tx:
            found = await store.accounts_by_id(tx, list(has))
        stands = {own: (int(one.balance), int(one.available)) for own, one in found.items()}
        assert stands == {own: (left, free(own)) for own, left in has.items()}
    async with marketing.transaction() as tx:
        sums = await store.balance_as_of(tx, list(has))
        assert sums == has
        assert await store.balance_as_of(tx, list(has), past) == {}
