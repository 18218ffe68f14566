"""Secrets are brought under the newest key, so that older ones can be taken out."""

from __future__ import annotations

from tercet_chassis import Tx, every
from tercet_chassis.sealing import sealer_of
from tercet_marketing.channels import store
from tercet_marketing.channels.model import SEALED_FOR


@every(hours=6)
async def seal_channel_secrets_anew(tx: Tx) -> None:
    """Brings the secrets of accounts under the newest key of the settings."""
    sealer = sealer_of(tx.runtime, SEALED_FOR)
    for account in await store.accounts(tx):
        account.seal_anew(sealer)
