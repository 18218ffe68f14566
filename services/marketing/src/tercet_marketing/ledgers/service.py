"""What the ledger must always satisfy, and its accounts and entries to read."""

from __future__ import annotations

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import ledger_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_marketing.ledgers import store
from tercet_marketing.ledgers.model import LedgerAccount

Finding = CheckInvariantsResponse.Finding


class LedgerService(Handlers):
    """Serves tercet.marketing.v1.LedgerService."""

    async def ListLedgerEntries(self, request: pb.ListLedgerEntriesRequest, tx: Tx) -> pb.ListLedgerEntriesResponse:
        """The entries of one account, newest first. Refuses an account that is not there."""
        account = await tx.get(LedgerAccount, request.account_id)
        page: pb.ListLedgerEntriesResponse = await store.entries_page(
            tx, account.id, request, pb.ListLedgerEntriesResponse
        )
        return page


@invariant
async def balances_are_sums(tx: Tx) -> Finding:
    """Every balance is the sum of the account's entries."""
    return await _finding(tx, "ledgers.balances_are_sums", "WRONG_BALANCES")


@invariant
async def postings_sum_to_zero(tx: Tx) -> Finding:
    """What left one account arrived on another."""
    return await _finding(tx, "ledgers.postings_sum_to_zero", "WRONG_POSTINGS")


@invariant
async def never_below_zero(tx: Tx) -> Finding:
    """No budget, stock or points account went below zero, nor below what is held of it."""
    return await _finding(tx, "ledgers.never_below_zero", "SHORT_ACCOUNTS")


@invariant
async def held_is_what_holds_say(tx: Tx) -> Finding:
    """What an account has held is the sum of its holds that stand."""
    return await _finding(tx, "ledgers.held_is_what_holds_say", "WRONG_HOLDS")


async def _finding(tx: Tx, name: str, question: str) -> Finding:
    count, wrong = await store.wrong(tx, question)
    return finding(name, count, wrong)
