"""The links by which people decide for themselves: sealed, so that they tell nobody whose they are, and bound to the
tenant.
"""

from __future__ import annotations

import binascii
import json
from uuid import UUID

from tercet_chassis import Refusal, Tx
from tercet_chassis.sealing import sealer_of
from tercet_marketing.consent.errors import PreferenceLinkInvalid
from tercet_marketing.consent.rules import Json

_SEALED_FOR = "tercet preference links"


def made_token(tx: Tx, identity_id: UUID, point: Json) -> str:
    """What stands in the link to an identity's preferences at a contact point."""
    told = {"i": str(identity_id), "k": point["kind"], "v": point["value"], "p": point.get("platform", "")}
    return sealer_of(tx.runtime, _SEALED_FOR).seal(json.dumps(told, ensure_ascii=False), str(tx.tenant_id))


def read_token(tx: Tx, token: str) -> tuple[UUID, Json]:
    """Identity and contact point of a link. Refuses what we did not make for this tenant."""
    if tx.context.tenant_id is None:
        raise PreferenceLinkInvalid
    try:
        told = json.loads(sealer_of(tx.runtime, _SEALED_FOR).open(token, str(tx.tenant_id)))
    except (Refusal, binascii.Error, ValueError) as wrong:
        raise PreferenceLinkInvalid from wrong
    point = {"kind": told["k"], "value": told["v"]} | ({"platform": told["p"]} if told["p"] else {})
    return UUID(told["i"]), point
