"""What was used for sales' orders is what orders that count took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from google.protobuf import json_format

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1.order_service_pb2 import ListOrdersRequest, Order
from tercet_chassis import Calls
from tercet_chassis.agreement import agreed
from tercet_marketing.till import store

Finding = CheckInvariantsResponse.Finding
_COUNTING = (Order.CONFIRMED, Order.FULFILLED)


async def used_for_orders_that_count(calls: Calls) -> Finding:
    """Looks at every final reservation of an order of sales. A cancellation that is still on its way is waited for by
    `events.of_sales_applied`, which is looked at first.
    """

    async def wrong(reservations: Sequence[Any]) -> list[str]:
        took = await _took(calls, [kept.key for kept in reservations])
        return [kept.key for kept in reservations if _sums(kept.adjustments) != took.get(kept.key)]

    return await agreed("till.used_for_orders_that_count", calls, store.final_of_orders, wrong)


def _sums(adjustments: Iterable[Any]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for item in adjustments:
        amounts[item.get("grant_id", "")] += Decimal(item["amount"]["amount"])
    return dict(amounts)


async def _took(calls: Calls, keys: list[str]) -> dict[str, dict[str, Decimal]]:
    wanted = " OR ".join(f'benefit_key = "{key}"' for key in keys)
    answer = await calls("sales", "ListOrders", ListOrdersRequest(filter=wanted, page_size=len(keys)), timeout=20)
    found = {}
    for order in answer.orders:
        if order.state in _COUNTING:
            shown = json_format.MessageToDict(order, preserving_proto_field_name=True)
            items = (item for line in shown["lines"] for item in line.get("adjustments", ()))
            found[order.benefit_key] = _sums(item for item in items if item.get("benefit"))
    return found
