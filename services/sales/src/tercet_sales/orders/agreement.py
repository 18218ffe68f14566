"""What orders took from marketing is what marketing gave for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from google.protobuf import json_format

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1.benefit_service_pb2 import BenefitReservation, ListBenefitReservationsRequest
from tercet_chassis import Calls
from tercet_chassis.agreement import agreed
from tercet_sales.orders import store
from tercet_sales.pricing import till
from tercet_sales.pricing.rules import Json

Finding = CheckInvariantsResponse.Finding
# A sale whose event is still on its way is looked for by `events.of_sales_applied`.
_STANDING = (BenefitReservation.RESERVED, BenefitReservation.CONFIRMED)


def taken(adjustments: Iterable[Json]) -> dict[str, Decimal]:
    """What each grant takes off."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for item in adjustments:
        amounts[item.get("grant_id", "")] += Decimal(item["amount"]["amount"])
    return dict(amounts)


async def orders_took_what_was_given(calls: Calls) -> Finding:
    """Looks at every order that counts and took benefits."""

    async def wrong(orders: Sequence[Any]) -> list[str]:
        given = await _given(calls, [order.benefit_key for order in orders])
        return [order.number for order in orders if _taken(order) != given.get(order.benefit_key)]

    return await agreed("orders.took_what_was_given", calls, store.with_benefits, wrong)


def _taken(order: Any) -> dict[str, Decimal]:
    return taken(item for line in order.lines for item in line.get("adjustments", ()) if item.get("benefit"))


async def _given(calls: Calls, keys: list[str]) -> dict[str, dict[str, Decimal]]:
    wanted = " OR ".join(f'key = "{key}"' for key in keys)
    request = ListBenefitReservationsRequest(filter=wanted, page_size=len(keys))
    answer = await calls(till.SERVICE, "ListBenefitReservations", request, timeout=20)
    return {
        kept.key: taken(json_format.MessageToDict(kept, preserving_proto_field_name=True).get("adjustments", ()))
        for kept in answer.benefit_reservations
        if kept.state in _STANDING
    }
