"""What is due is claimed and handed over once that is committed; what is under way is asked after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tercet_chassis import Tx, every, job
from tercet_chassis.sealing import sealer_of
from tercet_marketing.payouts import store
from tercet_marketing.payouts.ending import give_up
from tercet_marketing.payouts.model import LEASE, SEALED_FOR
from tercet_marketing.payouts.paying import Cashier, asked_after, planned

BATCH = 100
# What failed and nobody has done anything about is given up after so long.
KEPT = timedelta(days=30)


@job
async def pay_due(tx: Tx) -> None:
    """Claims what is due, marks what may go as with the payer, and hands it over once that is committed."""
    batch = await store.claim_due(tx, BATCH)
    going = await planned(tx, batch)
    if len(batch) == BATCH:
        wake(tx, tx.now())
    if going:
        tx.afterwards(cashier.pay, going)


@every(minutes=1)
async def follow_payouts(tx: Tx) -> None:
    """Has payers asked what became of what they have, ends what has lost its grant, and looks for what nobody was woken
    for.
    """
    moment = datetime.now(UTC)
    lost = await store.claim_asked(tx, moment, BATCH)
    for payout in lost:
        payout.asked, payout.lease_until = (payout.asked or 0) + 1, moment + LEASE
    asking = await asked_after(tx, lost)
    if asking:
        tx.afterwards(cashier.ask, asking)
    for id in [*await store.orphans(tx, BATCH), *await store.failed_before(tx, tx.now() - KEPT, BATCH)]:
        await give_up(tx, id, "GIVEN_UP")
    wake(tx, tx.now())


@every(hours=6)
async def seal_payout_secrets_anew(tx: Tx) -> None:
    """Brings the secrets of accounts under the newest key of the settings."""
    sealer = sealer_of(tx.runtime, SEALED_FOR)
    for account in await store.accounts(tx):
        account.seal_anew(sealer)


def wake(tx: Tx, when: datetime) -> None:
    """Has payouts looked at when they are due."""
    now = tx.now()
    if when <= now:
        tx.schedule(pay_due, due=now, key="now")
        return
    later = when.replace(microsecond=0) + timedelta(seconds=1)
    tx.schedule(pay_due, due=later, key=f"at:{int(later.timestamp())}")


cashier = Cashier(wake)
