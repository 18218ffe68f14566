"""Accounts of adapters: what they are set to can be read, their secrets come in and never go out again."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from google.protobuf.field_mask_pb2 import FieldMask

from tercet_chassis import Tx
from tercet_chassis.sealing import sealer_of
from tercet_marketing.channels.model import Sealed

A = TypeVar("A", bound=Sealed)


async def added(tx: Tx, kind: type[A], given: Any, purpose: str) -> A:
    """A new account with its secrets sealed for the purpose, on unless it says otherwise."""
    account: Any = await tx.create(kind, given)
    if not given.HasField("enabled"):
        account.enabled = True
    account.keep_secrets(dict(given.secrets), sealer_of(tx.runtime, purpose).seal)
    return account  # type: ignore[no-any-return]


async def changed(tx: Tx, account: Sealed, given: Any, mask: FieldMask, purpose: str) -> None:
    """Lays what was given over an account; secrets that are sent replace all that are kept."""
    secrets, paths = dict(given.secrets), list(mask.paths)
    given.ClearField("secrets")
    named = "secrets" in paths
    if named:
        del mask.paths[:]
        mask.paths.extend(path for path in paths if path != "secrets")
    if not named or mask.paths:
        await tx.patch(cast(Any, account), given, mask)
    if secrets or named:
        account.keep_secrets(secrets, sealer_of(tx.runtime, purpose).seal)
