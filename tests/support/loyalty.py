"""Builders of points programmes, their members, and purchases as sales tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from support.deals import cny, stamp
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.marketing.v1.loyalty_programme_service_pb2 import CreateLoyaltyProgrammeRequest, EarnRule, LoyaltyProgramme
from tercet.marketing.v1.membership_service_pb2 import (
    CreateMembershipRequest,
    GetPointsBalanceRequest,
    ListMembershipsRequest,
    ListPointsEntriesRequest,
    Membership,
    PointsBalance,
    PointsEntry,
)
from tercet.sales.v1.events_pb2 import TransactionRecorded
from tercet.sales.v1.transaction_service_pb2 import (
    ImportReceiptsRequest,
    Receipt,
    Transaction,
    TransactionLine,
)
from tercet.type.v1.reference_pb2 import ExternalRef
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_marketing.loyalty.consumers import follow_transaction

ONE_PER_YUAN = EarnRule(code="base", points="1", per_amount="1")


async def programme(marketing: Client, code: str = "club", **more: Any) -> LoyaltyProgramme:
    """A programme in which each yuan earns a point."""
    values = {
        "code": code,
        "display_name": "会员积分",
        "currency_code": "CNY",
        "time_zone": "Asia/Shanghai",
        "earn_rules": [ONE_PER_YUAN],
        **more,
    }
    request = CreateLoyaltyProgrammeRequest(loyalty_programme=LoyaltyProgramme(**values))
    made: LoyaltyProgramme = await marketing.CreateLoyaltyProgramme(request)
    return made


async def member(marketing: Client, code: str = "club", **more: Any) -> Membership:
    """Somebody in a programme."""
    values = {"programme_code": code, "identity_id": str(new_id()), **more}
    made: Membership = await marketing.CreateMembership(CreateMembershipRequest(membership=Membership(**values)))
    return made


async def member_of(marketing: Client, identity_id: UUID | str, code: str = "club") -> Membership:
    """The identity's membership."""
    text = f'identity_id = "{identity_id}" AND programme_code = "{code}"'
    found = (await marketing.ListMemberships(ListMembershipsRequest(filter=text))).memberships
    assert len(found) == 1
    one: Membership = found[0]
    return one


async def balance(marketing: Client, of: Membership, moment: datetime | None = None) -> PointsBalance:
    """What the membership's party has."""
    request = GetPointsBalanceRequest(id=of.id)
    if moment is not None:
        request.as_of_time.CopyFrom(stamp(moment))
    found: PointsBalance = await marketing.GetPointsBalance(request)
    return found


async def statement(marketing: Client, of: Membership, **more: Any) -> list[PointsEntry]:
    """What changed the party's points, in the order in which it happened."""
    request = ListPointsEntriesRequest(membership_id=of.id, order_by="occur_time, create_time", page_size=1000, **more)
    return list((await marketing.ListPointsEntries(request)).points_entries)


def sale(identity_id: UUID | str, amount: str, moment: datetime, **more: Any) -> Receipt:
    """A purchase as the till tells it."""
    lines = [TransactionLine(product_code="tea", quantity="1", amount=cny(amount))]
    return Receipt(
        external_ref=ExternalRef(system="till", id=str(new_id())),
        identity_id=str(identity_id),
        party_id=str(identity_id),
        occur_time=stamp(moment),
        amount=cny(amount),
        **{"lines": lines, **more},
    )


def returned(of: Receipt, amount: str, moment: datetime) -> Receipt:
    """Goods of a purchase that came back."""
    made = sale(of.identity_id, amount, moment)
    made.returns_ref.CopyFrom(of.external_ref)
    return made


async def tell(sales: Client, *receipts: Receipt) -> list[str]:
    """Has sales take receipts and waits until everybody has heard of them; gives the transactions' ids."""
    answer = await sales.ImportReceipts(ImportReceiptsRequest(receipts=receipts))
    assert not answer.refused, answer.results
    await sales.settled()
    return [result.transaction_id for result in answer.results]


def transaction(identity_id: UUID | str, amount: str, moment: datetime) -> Transaction:
    """A sale as sales announces it."""
    id = str(new_id())
    return Transaction(
        id=id,
        sale_id=id,
        kind=Transaction.SALE,
        identity_id=str(identity_id),
        party_id=str(identity_id),
        unit_id=str(new_id()),
        occur_time=stamp(moment),
        amount=cny(amount),
        reporting_amount=cny(amount),
    )


async def hear(marketing: Client, told: Transaction) -> None:
    """Has loyalty hear of a transaction once more, or in another order."""
    async with marketing.transaction() as tx:
        await follow_transaction(TransactionRecorded(transaction=told), tx)


async def move_party(leads: Client, identity_id: str, source: str, target: str, version: int) -> None:
    """Has an identity belong to another party."""
    made = PartyMove(identity_id=identity_id, from_party_id=source, to_party_id=target, version=version)
    async with leads.transaction() as tx:
        tx.emit(PartyMembersMoved, None, moves=[made])
    await leads.settled()
