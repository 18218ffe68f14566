"""Double entry without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tercet_marketing.ledgers.errors import (
    LedgerAccountUnknown,
    LedgerAmountTooFine,
    LedgerBalanceInsufficient,
    LedgerLegsMissing,
    LedgerLegsUnbalanced,
)
from tercet_marketing.ledgers.rules import Account, Book, Hold, Holder, Leg, digest, merged

NAME = UUID(int=7)
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


def account(
    name: str, balance: str = "0", *, held: str = "0", unit: str = "CNY", digits: int = 2, **more: bool
) -> Account:
    flags = {"may_go_below": False, "counter": False, **more}
    return Account(
        uuid5(NAME, name),
        "BUDGET",
        unit,
        Holder("budget", name),
        digits,
        Decimal(balance),
        Decimal(held),
        **flags,
    )


def book(*accounts: Account) -> Book:
    return Book({one.id: one for one in accounts})


def leg(of: Account, amount: str) -> Leg:
    return Leg(of.id, Decimal(amount))


def test_legs_of_one_account_are_one_leg_and_those_of_nothing_are_none() -> None:
    a, b = account("a"), account("b")
    assert merged([leg(a, "1"), leg(b, "-3"), leg(a, "2")]) == tuple(sorted([leg(a, "3"), leg(b, "-3")]))
    with pytest.raises(LedgerLegsMissing):
        merged([leg(a, "1"), leg(a, "-1")])


def test_the_same_legs_have_the_same_digest_however_they_are_written() -> None:
    a, b = account("a"), account("b")
    assert digest(merged([leg(a, "10.00"), leg(b, "-10")])) == digest(merged([leg(b, "-10.0"), leg(a, "1E+1")]))
    assert digest(merged([leg(a, "10"), leg(b, "-10")])) != digest(merged([leg(a, "10.01"), leg(b, "-10.01")]))


def test_a_posting_moves_to_the_last_cent_and_not_beyond() -> None:
    a, b = account("a", "10.00", held="4.00"), account("b")
    moved = book(a, b)
    with pytest.raises(LedgerBalanceInsufficient):
        moved.post(merged([leg(a, "-6.01"), leg(b, "6.01")]))
    assert moved.accounts[a.id].balance == 10
    moved.post(merged([leg(a, "-6"), leg(b, "6")]))
    assert moved.accounts[a.id].available == 0


def test_a_posting_must_balance_in_each_unit_and_fit_it() -> None:
    a, b = account("a", "10"), account("b", unit="JPY", digits=0)
    with pytest.raises(LedgerLegsUnbalanced):
        book(a, b).post(merged([leg(a, "-1"), leg(b, "1")]))
    other = account("c")
    with pytest.raises(LedgerAmountTooFine):
        book(a, other).post(merged([leg(a, "-0.001"), leg(other, "0.001")]))
    with pytest.raises(LedgerAccountUnknown):
        book(a).post(merged([leg(a, "-1"), leg(other, "1")]))


def test_only_who_may_owe_goes_below_zero() -> None:
    owed, a = account("owed", may_go_below=True), account("a")
    moved = book(owed, a)
    moved.post(merged([leg(owed, "-5"), leg(a, "5")]))
    assert moved.accounts[owed.id].balance == -5


def test_a_counter_gives_without_end_and_keeps_no_figure() -> None:
    issued, a = account("issued", counter=True), account("a")
    moved = book(issued, a)
    after = dict(zip(sorted([issued.id, a.id]), moved.post(merged([leg(issued, "-5"), leg(a, "5")])), strict=True))
    assert after == {issued.id: None, a.id: Decimal(5)}
    assert issued.id not in moved.moved


def test_what_is_held_cannot_be_taken_until_the_hold_ends() -> None:
    a, b = account("a", "10"), account("b")
    kept = book(a, b)
    kept.hold(a.id, Decimal(7))
    with pytest.raises(LedgerBalanceInsufficient):
        kept.hold(a.id, Decimal("3.01"))
    kept.end([Hold("k", a.id, Decimal(7), "HELD", UNTIL)], "RELEASED")
    kept.post(merged([leg(a, "-10"), leg(b, "10")]))
    assert kept.ended == {"k": "RELEASED"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.decimals(0, 50, places=2)), max_size=30))
def test_nothing_is_made_or_lost_and_nobody_is_ever_short(moves: list[tuple[str, str, Decimal]]) -> None:
    accounts = {name: account(name, "20") for name in "abc"}
    moved = book(*accounts.values())
    for source, target, amount in moves:
        if source == target or not amount:
            continue
        try:
            moved.post(merged([Leg(accounts[source].id, -amount), Leg(accounts[target].id, amount)]))
        except LedgerBalanceInsufficient:
            assert moved.accounts[accounts[source].id].available < amount
    assert sum(one.balance for one in moved.accounts.values()) == 60
    assert all(one.available >= 0 for one in moved.accounts.values())
