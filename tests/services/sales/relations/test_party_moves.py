"""Merges and splits of parties reach relations and the parties on opportunities, in whatever order they come."""

from __future__ import annotations

from uuid import UUID

from services.sales.builders import company, opportunity, person

from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.sales.v1 import customer_service_pb2 as customers
from tercet.sales.v1 import opportunity_service_pb2 as opportunities
from tercet.sales.v1 import relation_service_pb2 as pb
from tercet.sales.v1.price_book_service_pb2 import CreatePriceBookRequest, GetPriceBookRequest, PriceBook
from tercet.type.v1.party_pb2 import PartyRole
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_sales.catalogue.consumers import follow_parties as catalogue_follow
from tercet_sales.opportunities.consumers import follow_parties as opportunities_follow
from tercet_sales.relations.consumers import follow_parties as relations_follow


async def move(sales: Client, identity: str, party: str, version: int) -> None:
    event = PartyMembersMoved(moves=[PartyMove(identity_id=identity, to_party_id=party, version=version)])
    for follow in (relations_follow, opportunities_follow, catalogue_follow):
        async with sales.transaction() as tx:
            await follow(event, tx)


async def test_relations_and_parties_follow_a_merge_and_come_back_by_its_undoing(sales: Client) -> None:
    dealer, group = await company(sales, "东方经销商"), str(new_id())
    relation = pb.Relation(
        kind_code="dealer_of",
        from_identity_id=dealer.identity_id,
        from_party_id=dealer.party_id,
        to_identity_id=group,
        to_party_id=group,
    )
    made = await sales.CreateRelation(pb.CreateRelationRequest(relation=relation))
    role = PartyRole(role=PartyRole.DEALER, identity_id=dealer.identity_id, party_id=dealer.party_id)
    deal = await opportunity(sales, (await person(sales)).id, parties=[role])

    async def parties() -> set[str]:
        related = await sales.GetRelation(pb.GetRelationRequest(id=made.id))
        known = await sales.GetOpportunity(opportunities.GetOpportunityRequest(id=deal.id))
        customer = await sales.GetCustomer(customers.GetCustomerRequest(id=dealer.id))
        return {related.from_party_id, known.parties[0].party_id, customer.party_id}

    merged = str(new_id())
    await move(sales, dealer.identity_id, merged, 1)
    assert await parties() == {merged}
    await move(sales, dealer.identity_id, dealer.party_id, 2)
    assert await parties() == {dealer.party_id}
    await move(sales, dealer.identity_id, merged, 1)
    assert await parties() == {dealer.party_id}


async def test_a_price_book_for_one_party_follows_it(sales: Client) -> None:
    dealer = await company(sales, "东方经销商")
    given = PriceBook(code="dealer", name="经销价", currency_code="CNY", served_party_id=dealer.party_id)
    made = await sales.CreatePriceBook(CreatePriceBookRequest(price_book=given))
    assert made.served_identity_id == dealer.identity_id
    merged = str(new_id())
    await move(sales, dealer.identity_id, merged, 1)
    known = await sales.GetPriceBook(GetPriceBookRequest(id=made.id))
    assert (known.served_party_id, known.served_identity_id) == (merged, dealer.identity_id)


async def test_a_customer_is_ensured_once_although_its_party_moved_in_between(sales: Client) -> None:
    system = sales.as_(kind="system")
    identity, unit = str(new_id()), str(new_id())
    request = customers.EnsureCustomerRequest(
        customer_id=str(new_id()),
        identity_id=identity,
        party_id=identity,
        unit_id=unit,
        kind=customers.Customer.PERSON,
        full_name="王芳",
    )
    first = await system.EnsureCustomer(request)
    merged = str(new_id())
    await move(sales, identity, merged, 1)
    again = await system.EnsureCustomer(request)
    assert (again.customer.id, again.customer.party_id) == (first.customer.id, merged)
    assert UUID(again.customer.identity_id) == UUID(identity)
