"""Customer value: looked up, compared between periods, rebuilt; its policies."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from google.protobuf.message import Message

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.value_service_pb2 import (
    CreateValuePolicyRequest,
    GetValueTransitionsRequest,
    GetValueTransitionsResponse,
    ListCustomerValuesRequest,
    ListCustomerValuesResponse,
    LookUpCustomerValueRequest,
    RebuildValueRequest,
    RebuildValueResponse,
    UpdateValuePolicyRequest,
)
from tercet.sales.v1.value_service_pb2 import CustomerValue as CustomerValueMessage
from tercet_chassis import Handlers, Process, Tx
from tercet_chassis.entity import view
from tercet_chassis.money import Money
from tercet_sales.days import day_of
from tercet_sales.value import compute, store
from tercet_sales.value.errors import CustomerValueNotFound
from tercet_sales.value.model import CustomerValue, ValuePolicy


class CustomerValueService(Handlers):
    """Serves tercet.sales.v1.CustomerValueService."""

    async def ListCustomerValues(self, request: ListCustomerValuesRequest, tx: Tx) -> Message:
        """Lists one row a party: the one of its identities that leads."""
        values = view(CustomerValue)
        return await tx.page(
            CustomerValue,
            request,
            response=ListCustomerValuesResponse,
            where=[values.c.leading, values.c.order_count > 0],
        )

    async def LookUpCustomerValue(self, request: LookUpCustomerValueRequest, tx: Tx) -> CustomerValue:
        """Gives a party's value to a unit on a day. Refuses when it bought nothing in that period."""
        unit_id = UUID(request.seller_unit_id)
        frame = await compute.frame_of(tx, unit_id, day=day_of(request.date, "date") if request.date else None)
        found = await store.leading_value(tx, UUID(request.party_id), unit_id, frame.start)
        if found is None or await tx.find(CustomerValue, found.id) is None:
            raise CustomerValueNotFound(party_id=request.party_id, unit_id=unit_id, date=request.date or frame.start)
        return found

    async def GetValueTransitions(self, request: GetValueTransitionsRequest, tx: Tx) -> GetValueTransitionsResponse:
        """Counts the moves between two periods; who bought in one of them only comes from, or goes to, nowhere."""
        unit_id = UUID(request.seller_unit_id)
        earlier = await compute.frame_of(tx, unit_id, day=day_of(request.from_date, "from_date"))
        later = await compute.frame_of(tx, unit_id, day=day_of(request.to_date, "to_date"))
        before, after = (
            await store.quadrants(tx, unit_id, earlier.start),
            await store.quadrants(tx, unit_id, later.start),
        )
        nowhere = "QUADRANT_UNSPECIFIED"
        moves = Counter(
            (before.get(party, nowhere), after.get(party, nowhere)) for party in before.keys() | after.keys()
        )
        response = GetValueTransitionsResponse()
        number = CustomerValueMessage.Quadrant.Value
        for (old, new), count in sorted(moves.items(), key=lambda item: (number(item[0][0]), number(item[0][1]))):
            response.transitions.add(from_quadrant=number(old), to_quadrant=number(new), party_count=count)
        return response

    async def RebuildValue(self, request: RebuildValueRequest, process: Process) -> RebuildValueResponse:
        """Rebuilds a unit's period in one transaction, so that nobody sees half of it."""
        answer: RebuildValueResponse = await process.step("rebuild", _rebuild, request)
        return answer

    async def CreateValuePolicy(self, request: CreateValuePolicyRequest, tx: Tx) -> ValuePolicy:
        """Creates a policy. Refuses a method without its thresholds."""
        policy = await tx.create(ValuePolicy, request.value_policy)
        policy.check()
        tx.emit(events.ValuePolicyCreated, policy)
        return policy

    async def UpdateValuePolicy(self, request: UpdateValuePolicyRequest, tx: Tx) -> ValuePolicy:
        """Changes a policy. Refuses a method without its thresholds."""
        policy = await tx.get(ValuePolicy, request.value_policy.id, etag=request.value_policy.etag, lock=True)
        await tx.patch(policy, request.value_policy, request.update_mask if request.HasField("update_mask") else None)
        policy.check()
        tx.emit(events.ValuePolicyUpdated, policy)
        return policy


async def _rebuild(tx: Tx, request: RebuildValueRequest) -> RebuildValueResponse:
    frame = await compute.frame_of(
        tx, UUID(request.seller_unit_id), day=day_of(request.date, "date") if request.date else None
    )
    rebuilt = await compute.rebuild(tx, frame)
    response = RebuildValueResponse(party_count=rebuilt.parties, changed_count=rebuilt.changed)
    if rebuilt.thresholds is not None:
        average = Money(rebuilt.thresholds.average, frame.facts.currency)
        response.average_threshold.currency_code, response.average_threshold.amount = average.currency, average.text()
        response.count_threshold = f"{rebuilt.thresholds.count:f}"
    return response
