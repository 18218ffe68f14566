"""The till: evaluate, reserve, confirm, release; and promotions."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.protobuf import json_format

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.marketing.v1 import benefit_service_pb2 as pb
from tercet_chassis import Calls, Handlers, Tx, invariant
from tercet_chassis.invariants import finding
from tercet_chassis.money import Money
from tercet_marketing.policies import matching
from tercet_marketing.till import agreement, fate, keeping, planning, store
from tercet_marketing.till.errors import (
    BenefitKeyReused,
    BenefitsChanged,
    ReservationEnded,
    ReservationOfOrder,
    ToolNotForOrders,
)
from tercet_marketing.till.jobs import release_overdue
from tercet_marketing.till.model import BenefitReservation, Promotion
from tercet_marketing.tools import registry

Finding = CheckInvariantsResponse.Finding
HOLD_SECONDS = 900


class BenefitService(Handlers):
    """Serves tercet.marketing.v1.BenefitService."""

    async def EvaluateBenefits(self, request: pb.EvaluateBenefitsRequest, tx: Tx) -> pb.Evaluation:
        """What would be given on an order; keeps nothing."""
        decision = await planning.decide(tx, request.basket, request.key, hold=False)
        adjustments, applied, total = keeping.shown(decision, kept=False)
        answer = pb.Evaluation()
        shown = {
            "adjustments": adjustments,
            "applied": applied,
            "withheld": decision.gathered.withheld,
            "total": keeping.money_json(total),
        }
        json_format.ParseDict(shown, answer)
        return answer

    async def ReserveBenefits(self, request: pb.ReserveBenefitsRequest, tx: Tx) -> BenefitReservation:
        """Keeps what is given on an order, once by the key. Refuses a key of another order, one that was ended, and
        when something else is given than was expected.
        """
        await tx.hold("reservation", [request.key])
        digest = _digest(request)
        before = await store.by_key(tx, request.key)
        if before is not None:
            if before.ended:
                raise ReservationEnded(key=request.key)
            if before.digest != digest:
                raise BenefitKeyReused(key=request.key)
            return before
        if await store.was_ended(tx, request.key):
            raise ReservationEnded(key=request.key)
        decision = await planning.decide(tx, request.basket, request.key, hold=True)
        adjustments, applied, total = keeping.shown(decision, kept=True)
        if request.HasField("expected_total"):
            expected = Money(Decimal(request.expected_total.amount), request.expected_total.currency_code)
            if expected != total:
                raise BenefitsChanged(total=total, expected=expected)
        until = tx.now() + timedelta(seconds=request.hold_seconds or HOLD_SECONDS)
        reservation = BenefitReservation(
            id=planning.reservation_id_of(tx, request.key),
            identity_id=UUID(request.basket.identity_id),
            party_id=decision.party_id,
            key=request.key,
            reference=request.reference or request.key,
            state="RESERVED",
            adjustments=adjustments,
            applied=applied,
            withheld=decision.gathered.withheld,
            total=total,
            digest=digest,
            expire_time=until,
        )
        tx.add(reservation)
        await keeping.keep(tx, decision, reservation)
        tx.schedule(release_overdue, due=until, key=f"till:{reservation.id}", reservation_id=str(reservation.id))
        return reservation

    async def ConfirmBenefits(self, request: pb.ConfirmBenefitsRequest, tx: Tx) -> BenefitReservation:
        """Makes what is kept final, once. Refuses what was given back and what is over."""
        _not_of_an_order(tx, request.key)
        return await fate.confirm(tx, request.key)

    async def ReleaseBenefits(
        self, request: pb.ReleaseBenefitsRequest, tx: Tx
    ) -> BenefitReservation | pb.BenefitReservation:
        """Gives back exactly what was taken, once, also after it was confirmed; ends a key that is not known."""
        _not_of_an_order(tx, request.key)
        given_back = await fate.release(tx, request.key)
        return given_back or pb.BenefitReservation(key=request.key, state=pb.BenefitReservation.RELEASED)


class PromotionService(Handlers):
    """Serves tercet.marketing.v1.PromotionService."""

    async def CreatePromotion(self, request: pb.CreatePromotionRequest, tx: Tx) -> Promotion:
        """Adds a promotion. Refuses a tool that gives nothing on orders or cannot work with the policy."""
        promotion = await tx.create(Promotion, request.promotion)
        await _check(promotion, tx)
        return promotion

    async def UpdatePromotion(self, request: pb.UpdatePromotionRequest, tx: Tx) -> Promotion:
        """Changes a promotion, with the same refusals."""
        given = request.promotion
        promotion = await tx.get(Promotion, given.id, etag=given.etag, lock=True)
        await tx.patch(promotion, given, request.update_mask if request.HasField("update_mask") else None)
        await _check(promotion, tx)
        return promotion


@invariant
async def kept_grants_have_reservations(tx: Tx) -> Finding:
    """Every grant that an order uses stands as its reservation says."""
    count, wrong = await store.torn(tx, 5)
    return finding("till.kept_grants_have_reservations", count, wrong)


@invariant
async def shares_add_up(tx: Tx) -> Finding:
    """What orders get off is the sum of their lines' shares."""
    count, wrong = await store.unequal(tx, 5)
    return finding("till.shares_add_up", count, wrong)


@invariant
async def used_for_orders_that_count(calls: Calls) -> Finding:
    """What was used for sales' orders is what orders that count took."""
    return await agreement.used_for_orders_that_count(calls)


def _not_of_an_order(tx: Tx, key: str) -> None:
    """Refuses people what only the order's own events may do: else it would keep what somebody else uses again."""
    if key.startswith(fate.OF_ORDERS) and not tx.principal.is_system:
        raise ReservationOfOrder(key=key)


async def _check(promotion: Promotion, tx: Tx) -> None:
    promotion.check_times()
    if not registry.tool(promotion.tool_code).tool.acts_on_orders:
        raise ToolNotForOrders(tool_code=promotion.tool_code)
    await matching.require_compatible(
        tx, promotion.tool_code, promotion.policy_code or "", field="promotion.policy_code"
    )


def _digest(request: Any) -> str:
    return hashlib.sha256(request.basket.SerializeToString(deterministic=True)).hexdigest()
