"""The opportunities of somebody in the order in which to work on them; the day's worklist shows them too."""

from __future__ import annotations

from datetime import UTC, date
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from tercet.sales.v1 import opportunity_service_pb2 as pb
from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_sales.opportunities import store
from tercet_sales.opportunities.model import Opportunity
from tercet_sales.opportunities.rules import OPEN
from tercet_sales.opportunities.rules_priority import Standing, prioritised

MOST = 500


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _standing(opportunity: pb.Opportunity, ranks: dict[str, int]) -> Standing:
    active = opportunity.HasField("last_activity_time")
    return Standing(
        id=opportunity.id,
        next_step_date=_day(opportunity.next_step_date),
        expected_close_date=_day(opportunity.expected_close_date),
        certainty_code=opportunity.certainty_code,
        certainty_rank=ranks.get(opportunity.certainty_code, 0),
        probability=opportunity.probability,
        amount=Decimal(opportunity.reporting_amount.amount) if opportunity.HasField("reporting_amount") else None,
        last_activity_date=opportunity.last_activity_time.ToDatetime(tzinfo=UTC).date() if active else None,
    )


async def priorities_of(
    tx: Tx, owner_id: UUID | None, today: date, *, limit: int, unplanned: bool = False
) -> list[tuple[pb.Opportunity, tuple[str, ...]]]:
    """Open opportunities of one owner in the caller's reach with their reasons, of at most 500 the most probable ones.

    `unplanned` leaves out those whose next step lies ahead.
    """
    if owner_id is None:
        return []
    v = view(Opportunity)
    # The day's worklist is asked for with another permission; opportunities are shown as far as one may read them.
    seen = reach(Opportunity, v.c, tx.principal, "sales.opportunity.read")
    where: list[Any] = [v.c.owner_id == owner_id, v.c.state == OPEN, seen]
    if unplanned:
        where.append(v.c.next_step_date.is_(None) | (v.c.next_step_date <= today))
    request = pb.ListOpportunitiesRequest(page_size=MOST, order_by="probability desc")
    answer = cast(
        pb.ListOpportunitiesResponse,
        await tx.page(Opportunity, request, where=where, response=pb.ListOpportunitiesResponse),
    )
    ranks = {grade.code: grade.rank for grade in await store.grades(tx)}
    by_id = {opportunity.id: opportunity for opportunity in answer.opportunities}
    ordered = prioritised((_standing(opportunity, ranks) for opportunity in by_id.values()), today)
    return [(by_id[item.standing.id], item.reasons) for item in ordered[:limit]]
