"""Payouts: who can pay, through which accounts, and what became of each."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import payout_service_pb2 as pb
from tercet_chassis import Handlers, Tx, invariant
from tercet_chassis.errors import Violation
from tercet_chassis.invariants import finding
from tercet_marketing.channels.model import CONSOLE
from tercet_marketing.channels.secrets import added, changed
from tercet_marketing.payouts import store
from tercet_marketing.payouts.accounts import described
from tercet_marketing.payouts.ending import give_up
from tercet_marketing.payouts.errors import PayerUnknown, PayoutAccountInUse, PayoutAccountSettingsInvalid
from tercet_marketing.payouts.jobs import wake
from tercet_marketing.payouts.model import SEALED_FOR, Payout, PayoutAccount
from tercet_marketing.payouts.registry import installed

Finding = CheckInvariantsResponse.Finding
# Read when the service is put together: what is broken stops the start.
PAYERS = installed()


class PayoutService(Handlers):
    """Serves tercet.marketing.v1.PayoutService."""

    async def ListPayers(self, request: pb.ListPayersRequest, tx: Tx) -> pb.ListPayersResponse:
        """The payers that are installed."""
        response = pb.ListPayersResponse()
        for code, payer in sorted(PAYERS.items()):
            told = response.payers.add(code=code, display_name=payer.display_name, platform=payer.platform)
            told.currency_codes.extend(sorted(payer.currencies))
            for one in payer.settings:
                told.settings.add(name=one.name, description=one.description, required=one.required, secret=one.secret)
        return response

    async def CreatePayoutAccount(self, request: pb.CreatePayoutAccountRequest, tx: Tx) -> PayoutAccount:
        """Adds an account. Refuses what the payer cannot use."""
        account = await added(tx, PayoutAccount, request.payout_account, SEALED_FOR)
        _check(tx, account)
        return account

    async def UpdatePayoutAccount(self, request: pb.UpdatePayoutAccountRequest, tx: Tx) -> PayoutAccount:
        """Changes an account; secrets that are sent replace all that are kept. Refuses what the payer cannot use, and
        to pay from another purse while payments are under way.
        """
        given = request.payout_account
        account = await tx.get(PayoutAccount, given.id, etag=given.etag, lock=True)
        purse = _purse(account)
        await changed(tx, account, given, request.update_mask, SEALED_FOR)
        _check(tx, account)
        if _purse(account) != purse and (count := await store.open_through(tx, account.code)):
            raise PayoutAccountInUse(code=account.code, count=count, what=", ".join(PAYERS[account.payer_code].purse))
        return account

    async def DeletePayoutAccount(self, request: pb.DeletePayoutAccountRequest, tx: Tx) -> Empty:
        """Removes an account. Refuses while the payer has something of it."""
        account = await tx.get(PayoutAccount, request.id, etag=request.etag, lock=True)
        count = await store.open_through(tx, account.code)
        if count:
            raise PayoutAccountInUse(code=account.code, count=count, what="it")
        await tx.delete(account)
        return Empty()

    async def RetryPayout(self, request: pb.RetryPayoutRequest, tx: Tx) -> Payout:
        """Pays again what failed. Refuses anything else."""
        payout = await tx.get(Payout, request.id, etag=request.etag, lock=True)
        payout.retry(tx.now())
        wake(tx, tx.now())
        return payout

    async def CancelPayout(self, request: pb.CancelPayoutRequest, tx: Tx) -> Payout:
        """Gives up what was not paid and takes its grant back. Refuses what the payer has, and what has ended."""
        await tx.get(Payout, request.id, etag=request.etag, lock=True)
        return await give_up(tx, UUID(request.id), "GIVEN_UP")


def _purse(account: PayoutAccount) -> tuple[object, ...]:
    payer = PAYERS.get(account.payer_code)
    names = sorted(payer.purse) if payer is not None else ()
    return account.provider, *((account.settings or {}).get(name) for name in names)


def _check(tx: Tx, account: PayoutAccount) -> None:
    payer = PAYERS.get(account.payer_code)
    if payer is None:
        raise PayerUnknown(payer_code=account.payer_code)
    if account.provider == CONSOLE:
        return
    wrong = payer.check(described(tx, account))
    if wrong:
        violations = [
            Violation(f"payout_account.settings.{name}", "SETTING_INVALID", f"{name}: {what}.")
            for name, what in sorted(wrong.items())
        ]
        raise PayoutAccountSettingsInvalid(payer_code=account.payer_code, violations=violations)


@invariant
async def payouts_and_grants_agree(tx: Tx) -> Finding:
    """What was paid is a grant that was used for as much, and what a payer has is a grant that nobody else can use."""
    count, wrong = await store.unsound(tx, 5)
    return finding("payouts.payouts_and_grants_agree", count, wrong)
