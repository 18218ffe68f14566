"""The ledger as other slices use it: open, post, hold, confirm, release, reverse, each once by its key.

Every function locks the accounts it needs in the order of their ids, so that parallel postings wait for each other and
never in a circle; whoever moves many things in one transaction gives them together (`post_all`, `hold_all`). A refusal
comes before anything is written, so a caller may catch it and go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from tercet_chassis import Tx, derived_id
from tercet_chassis.entity import view
from tercet_marketing.ledgers import statements as sql
from tercet_marketing.ledgers.errors import (
    LedgerAccountDiffers,
    LedgerBalanceInsufficient,
    LedgerHoldEnded,
    LedgerHoldExceeded,
    LedgerHoldUnknown,
    LedgerKeyReused,
    LedgerPostingReversed,
    LedgerPostingUnknown,
)
from tercet_marketing.ledgers.model import LedgerEntry
from tercet_marketing.ledgers.rules import (
    ZERO,
    Account,
    AccountSpec,
    Book,
    Draft,
    Hold,
    HoldAsk,
    Holder,
    Kind,
    Leg,
    Posting,
    digest,
    merged,
)

T = TypeVar("T")


# -- accounts ---------------------------------------------------------------------------------------------------------
def account_id(tx: Tx, kind: Kind, unit: str, holder: Holder) -> UUID:
    """The id that the account has or will have."""
    return derived_id("ledger-account", tx.tenant_id, kind, unit, holder.type, holder.key)


async def open_accounts(tx: Tx, specs: Sequence[AccountSpec]) -> list[Account]:
    """The accounts in the order asked for, those opened that were not there. Refuses other terms than they have."""
    if not specs:
        return []
    wanted = {account_id(tx, spec.kind, spec.unit, spec.holder): spec for spec in specs}
    found = await accounts_by_id(tx, wanted)
    missing = sorted(set(wanted) - set(found))
    if missing:
        new = [wanted[id] for id in missing]
        await tx.fetch(
            sql.OPEN,
            tx.tenant_id,
            tx.now(),
            missing,
            [spec.kind for spec in new],
            [spec.unit for spec in new],
            [spec.digits for spec in new],
            [spec.holder.type for spec in new],
            [spec.holder.key for spec in new],
            [None if spec.counter else ZERO for spec in new],
            [spec.may_go_below for spec in new],
            [spec.counter for spec in new],
        )
        found |= await accounts_by_id(tx, missing)
    for id, spec in wanted.items():
        have = found[id]
        if (have.digits, have.may_go_below, have.counter) != (spec.digits, spec.may_go_below, spec.counter):
            raise LedgerAccountDiffers(
                holder=f"{spec.holder.type} {spec.holder.key}",
                unit=spec.unit,
                digits=have.digits,
                may_go_below=have.may_go_below,
            )
    return [found[account_id(tx, spec.kind, spec.unit, spec.holder)] for spec in specs]


async def open_account(
    tx: Tx, kind: Kind, unit: str, holder: Holder, *, digits: int = 0, may_go_below: bool = False
) -> Account:
    """The holder's account in the unit, opened when there is none. Refuses other terms than it has."""
    return (await open_accounts(tx, [AccountSpec(kind, unit, holder, digits, may_go_below)]))[0]


async def counter_account(tx: Tx, kind: Kind, unit: str, name: str, *, digits: int = 0) -> Account:
    """The house's own side of postings in the unit: `issued`, `spent`, `redeemed`. It is never short or locked."""
    return (await open_accounts(tx, [counter_spec(kind, unit, name, digits=digits)]))[0]


def counter_spec(kind: Kind, unit: str, name: str, *, digits: int = 0) -> AccountSpec:
    """The terms of a counter, for whoever opens it with others."""
    return AccountSpec(kind, unit, Holder.house(name), digits, counter=True)


async def accounts_by_id(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Account]:
    """The accounts that are there, as they stand now, not held."""
    return {row["id"]: _account(row) for row in await tx.fetch(sql.ACCOUNTS, list(ids))}


async def lock_accounts(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Account]:
    """The accounts that are there, held until the end of the transaction: for whoever reads before it posts."""
    wanted = sorted(set(ids))
    return {row["id"]: _account(row) for row in await tx.fetch(sql.LOCK, wanted)} if wanted else {}


async def balance_as_of(tx: Tx, ids: Iterable[UUID], moment: datetime | None = None) -> dict[UUID, Decimal]:
    """The sum of the entries of each account, up to a time when one is given; counters too."""
    rows = await tx.fetch(sql.SUMS, list(ids), moment)
    return {row["account_id"]: row["balance"] for row in rows}


# -- postings ---------------------------------------------------------------------------------------------------------
async def post(
    tx: Tx,
    key: str,
    legs: Iterable[Leg],
    *,
    reason: str,
    reference: str = "",
    note: str = "",
    occur_time: datetime | None = None,
) -> Posting:
    """Moves amounts between accounts, once: the same key with the same legs is answered with the posting that stands.

    Refuses legs that do not sum to zero in each unit, more than is available, and a key with other legs.
    """
    return (await post_all(tx, [Draft(key, tuple(legs), reason, reference, note, occur_time)]))[0]


async def post_all(tx: Tx, drafts: Sequence[Draft]) -> list[Posting]:
    """Several postings in the order given, all or, when one is refused, none."""
    legs = [merged(draft.legs) for draft in drafts]
    book = Book(await lock_accounts(tx, (leg.account_id for own in legs for leg in own)))
    return await _post(tx, book, drafts, legs)


async def posting_of(tx: Tx, key: str) -> Posting | None:
    """The posting under a key, or None."""
    return (await postings_of(tx, [key])).get(key)


async def postings_of(tx: Tx, keys: Iterable[str]) -> dict[str, Posting]:
    """The postings under these keys, those that there are."""
    return await _standing(tx, list(keys))


async def moved_under(tx: Tx, account_id: UUID, reference: str) -> tuple[Decimal, int]:
    """What all postings with a reference moved on an account, and how many there are."""
    row = (await tx.fetch(sql.MOVED_UNDER, account_id, reference))[0]
    return row["moved"], row["count"]


async def reverse(
    tx: Tx,
    key: str,
    of_key: str,
    *,
    reason: str,
    reference: str = "",
    note: str = "",
    occur_time: datetime | None = None,
) -> Posting:
    """Moves back all that a posting moved, once. Refuses one that was reversed under another key, and to take back
    what is no longer there.
    """
    of = await posting_of(tx, of_key)
    if of is None:
        raise LedgerPostingUnknown(key=of_key)
    return (await _reverse(tx, [(of, Draft(key, (), reason, reference, note, occur_time))]))[0]


async def reverse_all(tx: Tx, keys: Mapping[str, Posting], *, reason: str) -> list[Posting]:
    """Moves back all that several postings moved, each once under its key, with the refusals of `reverse`."""
    return await _reverse(tx, [(of, Draft(key, (), reason)) for key, of in keys.items()])


async def _reverse(tx: Tx, wanted: Sequence[tuple[Posting, Draft]]) -> list[Posting]:
    legs = [tuple(Leg(leg.account_id, -leg.amount) for leg in of.legs) for of, _ in wanted]
    book = Book(await lock_accounts(tx, (leg.account_id for own in legs for leg in own)))
    reversed_by = {row["reverses_id"]: row["key"] for row in await tx.fetch(sql.REVERSALS, [of.id for of, _ in wanted])}
    drafts = []
    for (of, draft), back in zip(wanted, legs, strict=True):
        by = reversed_by.get(of.id, draft.key)
        if by != draft.key:
            raise LedgerPostingReversed(key=of.key, reversed_by=by)
        drafts.append(replace(draft, legs=back, reference=draft.reference or of.reference, reverses_id=of.id))
    return await _post(tx, book, drafts, legs)


async def _standing(tx: Tx, keys: Sequence[str]) -> dict[str, Posting]:
    found: dict[str, tuple[Any, list[Leg]]] = {}
    for row in await tx.fetch(sql.POSTINGS, list(keys)):
        found.setdefault(row["key"], (row, []))[1].append(Leg(row["account_id"], row["amount"]))
    return {
        key: Posting(row["id"], key, tuple(legs), row["reason"], row["reference"], row["occur_time"], fresh=False)
        for key, (row, legs) in found.items()
    }


async def _post(tx: Tx, book: Book, drafts: Sequence[Draft], merged_legs: Sequence[tuple[Leg, ...]]) -> list[Posting]:
    # Read after the accounts are held: a twin that was first is seen.
    standing = await _standing(tx, [draft.key for draft in drafts])
    made: list[Posting] = []
    postings: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    for draft, legs in zip(drafts, merged_legs, strict=True):
        before = standing.get(draft.key)
        if before is not None:
            if digest(before.legs) != digest(legs):
                raise LedgerKeyReused(key=draft.key)
            made.append(before)
            continue
        after = await _with_room(tx, book, partial(book.post, legs))
        moment = draft.occur_time or tx.now()
        id = derived_id("ledger-posting", tx.tenant_id, draft.key)
        posting = Posting(id, draft.key, legs, draft.reason, draft.reference, moment, fresh=True)
        standing[draft.key] = posting
        made.append(posting)
        postings.append(
            (id, draft.key, draft.reason, draft.reference, draft.note, draft.reverses_id, moment, digest(legs))
        )
        for leg, balance in zip(legs, after, strict=True):
            entries.append((derived_id(id, leg.account_id), id, leg.account_id, leg.amount, balance))
    if postings:
        user = tx.principal.user_id if tx.principal.kind == "user" else None
        await tx.fetch(sql.POST, tx.tenant_id, tx.now(), user, *_columns(postings, 8), *_columns(entries, 5))
    await _write(tx, book)
    return made


# -- holds ------------------------------------------------------------------------------------------------------------
async def hold(tx: Tx, key: str, account: Account | UUID, amount: Decimal, until: datetime) -> Hold:
    """Keeps an amount for somebody until a time, once. Refuses more than is available, and a key of another hold."""
    id = account if isinstance(account, UUID) else account.id
    return (await hold_all(tx, [HoldAsk(key, id, amount, until)]))[0]


async def hold_all(tx: Tx, asks: Sequence[HoldAsk]) -> list[Hold]:
    """Several holds, all or, when one is refused, none."""
    book = Book(await lock_accounts(tx, (ask.account_id for ask in asks)))
    standing = await _holds(tx, [ask.key for ask in asks])
    holds: list[Hold] = []
    rows: list[tuple[Any, ...]] = []
    for ask in asks:
        before = standing.get(ask.key)
        if before is not None:
            if (before.account_id, before.amount) != (ask.account_id, ask.amount):
                raise LedgerKeyReused(key=ask.key)
            holds.append(before)
            continue
        await _with_room(tx, book, partial(book.hold, ask.account_id, ask.amount))
        kept = standing[ask.key] = Hold(ask.key, ask.account_id, ask.amount, "HELD", ask.until)
        holds.append(kept)
        rows.append((derived_id("ledger-hold", tx.tenant_id, ask.key), ask.key, ask.account_id, ask.amount, ask.until))
    if rows:
        await tx.fetch(sql.HOLD, tx.tenant_id, tx.now(), *_columns(rows, 5))
    await _write(tx, book)
    return holds


async def hold_of(tx: Tx, key: str) -> Hold | None:
    """The hold under a key, or None."""
    return (await _holds(tx, [key])).get(key)


async def confirm(
    tx: Tx,
    key: str,
    legs: Iterable[Leg],
    *,
    reason: str,
    reference: str = "",
    note: str = "",
    occur_time: datetime | None = None,
) -> Posting:
    """Makes a hold a posting under the same key, once; what it does not take of the held amount is given back.

    Refuses a hold that was never made, that was released or whose time is over, and legs that take more than was held.
    """
    return (await confirm_all(tx, [Draft(key, tuple(legs), reason, reference, note, occur_time)]))[0]


async def confirm_all(tx: Tx, drafts: Sequence[Draft]) -> list[Posting]:
    """Makes several holds postings under their keys, each once, all or, when one is refused, none."""
    keys = [draft.key for draft in drafts]
    known = await _holds(tx, keys)
    for key in keys:
        if key not in known:
            raise LedgerHoldUnknown(key=key)
    legs = [merged(draft.legs) for draft in drafts]
    wanted = [*(one.account_id for one in known.values()), *(leg.account_id for own in legs for leg in own)]
    book = Book(await lock_accounts(tx, wanted))
    held = await _holds(tx, keys)
    for key, own in zip(keys, legs, strict=True):
        one = held[key]
        if one.state not in ("HELD", "CONFIRMED"):
            raise LedgerHoldEnded(key=key, state=one.state.lower())
        taken = -sum((leg.amount for leg in own if leg.account_id == one.account_id), ZERO)
        if one.state == "HELD" and taken > one.amount:
            raise LedgerHoldExceeded(key=key, held=f"{one.amount:f}", amount=f"{taken:f}")
    book.end([one for one in held.values() if one.state == "HELD"], "CONFIRMED")
    return await _post(tx, book, drafts, legs)


async def release(tx: Tx, key: str) -> Hold | None:
    """Gives back what a hold keeps; one that ended already is answered as it is, None when it was never made.

    Refuses one that was confirmed: reverse its posting instead.
    """
    return (await release_all(tx, [key])).get(key)


async def release_all(tx: Tx, keys: Sequence[str]) -> dict[str, Hold]:
    """Gives back what several holds keep, as `release` does; those that were never made are left out."""
    known = await _holds(tx, keys)
    if not known:
        return {}
    book = Book(await lock_accounts(tx, (one.account_id for one in known.values())))
    held = await _holds(tx, keys)
    for one in held.values():
        if one.state == "CONFIRMED":
            raise LedgerHoldEnded(key=one.key, state="confirmed")
    open_ = {key: one for key, one in held.items() if one.state == "HELD"}
    book.end(list(open_.values()), "RELEASED")
    await _write(tx, book)
    return held | {key: replace(one, state="RELEASED") for key, one in open_.items()}


async def expire_holds(tx: Tx, limit: int = 500) -> int:
    """Gives back what is held beyond its time, oldest first; tells how many holds ended."""
    due = [_hold(row) for row in await tx.fetch(sql.DUE, tx.now(), limit)]
    book = Book(await lock_accounts(tx, (one.account_id for one in due)))
    still = [one for one in (await _holds(tx, [one.key for one in due])).values() if one.state == "HELD"]
    book.end(still, "EXPIRED")
    await _write(tx, book)
    return len(still)


async def _with_room(tx: Tx, book: Book, move: Callable[[], T]) -> T:
    """Does it; when too little is available, first gives back what others hold beyond their time."""
    try:
        return move()
    except LedgerBalanceInsufficient as short:
        id = UUID(short.metadata["account_id"])
        over = [_hold(row) for row in await tx.fetch(sql.DUE_OF, id, tx.now())]
        over = [one for one in over if one.key not in book.ended]
        if not over:
            raise
        book.end(over, "EXPIRED")
        return move()


async def _holds(tx: Tx, keys: Sequence[str]) -> dict[str, Hold]:
    return {row["key"]: _hold(row) for row in await tx.fetch(sql.HOLDS, list(keys))}


async def _write(tx: Tx, book: Book) -> None:
    if book.ended:
        await tx.fetch(sql.END, list(book.ended), list(book.ended.values()), tx.now())
    ids = sorted(id for id in {*book.moved, *book.kept} if book.moved[id] or book.kept[id])
    if ids:
        await tx.fetch(sql.MOVE, ids, [book.moved[id] for id in ids], [book.kept[id] for id in ids], tx.now())


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[at] for row in rows] for at in range(count)]


def _account(row: Any) -> Account:
    return Account(
        id=row["id"],
        kind=row["kind"],
        unit=row["unit"],
        holder=Holder(row["holder_type"], row["holder_key"]),
        digits=row["digits"],
        balance=ZERO if row["balance"] is None else row["balance"],
        held=row["held"],
        may_go_below=row["may_go_below"],
        counter=row["counter"],
    )


def _hold(row: Any) -> Hold:
    return Hold(row["key"], row["account_id"], row["amount"], row["state"], row["expire_time"])


# -- reading ----------------------------------------------------------------------------------------------------------
async def entries_page(tx: Tx, account_id: UUID, request: Any, response: type[Any]) -> Any:
    """One page of an account's entries."""
    return await tx.page(LedgerEntry, request, response=response, where=[view(LedgerEntry).c.account_id == account_id])


async def wrong(tx: Tx, question: str) -> tuple[int, list[str]]:
    """How many accounts or postings there are, and ids of those that break what must always be so."""
    counts = (await tx.fetch(sql.COUNTS))[0]
    found = [str(row["id"]) for row in await tx.fetch(getattr(sql, question))]
    return counts["postings" if question == "WRONG_POSTINGS" else "accounts"], found
