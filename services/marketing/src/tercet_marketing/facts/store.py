"""Facts are written many at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from tercet_chassis import Tx
from tercet_chassis.entity import untracked
from tercet_chassis.money import Money
from tercet_marketing.facts.model import Fact
from tercet_marketing.facts.rules import Told

_PARTIES = "SELECT identity, party FROM known_parties($1, $2)"
# A sale and what was taken back of it are one fact whatever comes first, so amounts add up and the earlier time stands.
_KEEP = """
INSERT INTO facts AS known (tenant_id, id, identity_id, party_id, kind, fact_time, code, amount_amount, amount_currency,
    product_codes, voided, create_time, update_time, row_version)
SELECT $1, told.id, told.identity_id, told.party_id, told.kind, told.fact_time, told.code, told.amount, told.currency,
    told.product_codes, coalesce(told.amount <= 0, false), $2, $2, 1
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::text[], $9::numeric[], $10::text[],
    $11::jsonb[]) AS told(id, identity_id, party_id, kind, fact_time, code, amount, currency, product_codes)
ON CONFLICT (tenant_id, id) DO UPDATE SET
    fact_time = least(known.fact_time, excluded.fact_time),
    amount_amount = known.amount_amount + excluded.amount_amount,
    product_codes = (SELECT coalesce(jsonb_agg(DISTINCT each ORDER BY each), '[]')
        FROM jsonb_array_elements(known.product_codes || excluded.product_codes) AS each),
    voided = coalesce(known.amount_amount + excluded.amount_amount <= 0, false),
    update_time = excluded.update_time,
    row_version = known.row_version + 1
RETURNING id, identity_id, party_id, kind, fact_time, code, amount_amount, amount_currency, product_codes, voided,
    create_time, update_time, row_version
"""


async def keep(tx: Tx, told: Sequence[Told]) -> list[Fact]:
    """Writes what was told of different facts; gives each as it stands now."""
    # A party may have moved while the event that quotes it was on its way.
    rows = await tx.fetch(_PARTIES, tx.tenant_id, sorted({fact.identity_id for fact in told}))
    moved = {row["identity"]: row["party"] for row in rows}
    kept = await tx.fetch(
        _KEEP,
        tx.tenant_id,
        tx.now(),
        [fact.id for fact in told],
        [fact.identity_id for fact in told],
        [moved.get(fact.identity_id, fact.party_id) for fact in told],
        [fact.kind for fact in told],
        [fact.fact_time for fact in told],
        [fact.code for fact in told],
        [fact.amount for fact in told],
        [fact.currency for fact in told],
        [json.dumps(list(fact.product_codes), ensure_ascii=False) for fact in told],
    )
    return [_fact(tx.tenant_id, dict(row)) for row in kept]


def _fact(tenant_id: UUID, row: dict[str, object]) -> Fact:
    amount, currency = row.pop("amount_amount"), row.pop("amount_currency")
    worth = None if amount is None else Money(amount, str(currency))  # type: ignore[arg-type]
    fact: Fact = untracked(Fact)(tenant_id=tenant_id, amount=worth, **row)
    return fact
