"""Every account that is fetched is looked into at its time, by one worker only."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from tercet_chassis import Tx, every, job, new_id
from tercet_marketing.channels.accounts import fetching
from tercet_marketing.intake import store
from tercet_marketing.intake.fetching import look

# Over so many seconds the looks of one minute are spread.
_SPREAD = 20


@every(minutes=1)
async def look_into_mailboxes(tx: Tx) -> None:
    """Has each account looked into that is due by now, not all at one moment."""
    known = {intake.account_code: intake for intake in await store.intakes(tx)}
    carried = await fetching(tx)
    moment = datetime.now(UTC)
    for code in carried:
        if code not in known or known[code].is_due(moment):
            later = hashlib.sha256(f"{tx.tenant_id}{code}".encode()).digest()[0] % _SPREAD
            tx.schedule(fetch_account, due=tx.now() + timedelta(seconds=later), key=code, account_code=code)


@job
async def fetch_account(tx: Tx, account_code: str) -> None:
    """Begins a look into one account's mailbox; once more after the one that somebody is at, if there is one."""
    intake, moment = await store.intake_of(tx, account_code), datetime.now(UTC)
    if not intake.is_free(moment):
        tx.schedule(fetch_account, due=tx.now() + timedelta(seconds=1), key=account_code, account_code=account_code)
        return
    lease_id = new_id()
    intake.begin(lease_id, moment)
    tx.afterwards(look, account_code, lease_id, audited=False)
