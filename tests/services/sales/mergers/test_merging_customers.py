"""Two customers of one party in one unit: marked, joined into one, and taken apart again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from services.sales.builders import company, opportunity, person
from sqlalchemy import text

from support.deals import catalogue, confirmed, line, new_quote
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.leads.v1.events_pb2 import PartyMembersMoved
from tercet.leads.v1.identity_service_pb2 import PartyMove
from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import customer_merge_service_pb2 as pb
from tercet.sales.v1 import customer_service_pb2 as customers
from tercet.sales.v1.contact_point_pb2 import PhoneNumber
from tercet.sales.v1.contact_service_pb2 import Contact, CreateContactRequest, GetContactRequest
from tercet.sales.v1.opportunity_service_pb2 import CreateOpportunityRequest, GetOpportunityRequest, Opportunity
from tercet.sales.v1.order_service_pb2 import GetOrderRequest
from tercet.sales.v1.quote_service_pb2 import GetQuoteRequest
from tercet.type.v1.reference_pb2 import ResourceRef
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


async def move(leads: Client, identity: str, source: str, target: str, version: int) -> None:
    made = PartyMove(identity_id=identity, from_party_id=source, to_party_id=target, version=version)
    async with leads.transaction() as tx:
        tx.emit(PartyMembersMoved, None, moves=[made])
    await leads.settled()


async def known(sales: Client, id: str) -> customers.Customer:
    found: customers.Customer = await sales.GetCustomer(customers.GetCustomerRequest(id=id))
    return found


async def listed(sales: Client, filter: str = "") -> list[str]:
    found = await sales.ListCustomers(customers.ListCustomersRequest(filter=filter))
    return [customer.id for customer in found.customers]


async def merged(sales: Client, id: str, other: str, **values: Any) -> pb.CustomerMerge:
    answer: pb.CustomerMerge = await sales.MergeCustomers(pb.MergeCustomersRequest(id=id, other_id=other, **values))
    return answer


async def broken(sales: Client) -> dict[str, int]:
    """Broken invariants, and how many customers wait to be joined."""
    answer = await sales.CheckInvariants(CheckInvariantsRequest())
    found = [finding for finding in answer.findings if finding.invariant.startswith("customers.")]
    waiting = {"waiting": sum(finding.waiting_count for finding in found)}
    return {finding.invariant: finding.broken_count for finding in found if not finding.holds} | waiting


async def everything(sales: Client) -> dict[str, Any]:
    """Who hangs on whom, and what each customer says of itself."""
    async with sales.transaction() as tx:
        return {
            table: (await tx.session.execute(text(f"SELECT id, {column} FROM fenced.{table} ORDER BY id"))).all()
            for table, column in {
                "opportunities": "customer_id, party_id",
                "orders": "customer_id, party_id",
                "quotes": "customer_id, party_id",
                "contacts": "customer_id",
                "activities": "subject_id, subject",
                "customers": "party_id, phones, emails, remark, custom, used, duplicate_of_id, merged_into_id",
            }.items()
        }


async def test_merging_parties_marks_the_newer_customer_and_undoing_clears_it(leads: Client, sales: Client) -> None:
    first, second = await company(sales), await company(sales, "星河科技(上海)")
    elsewhere = await company(sales, "上海星河", unit_id=str(new_id()))
    for version, customer in ((1, second), (1, elsewhere)):
        await move(leads, customer.identity_id, customer.party_id, first.party_id, version)
    assert (await known(sales, second.id)).duplicate_of_id == first.id
    assert await listed(sales, "duplicate_of_id:*") == [second.id]
    assert await broken(sales) == {"waiting": 1}
    await move(leads, second.identity_id, first.party_id, second.party_id, 2)
    assert not (await known(sales, second.id)).duplicate_of_id
    assert await broken(sales) == {"waiting": 0}


async def test_a_merge_moves_everything_and_fills_in_what_is_blank(leads: Client, sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    first = await person(sales, phones=[PhoneNumber(number="13812341234", primary=True)])
    second = await person(
        sales, phones=[PhoneNumber(number="13912345678", primary=True)], remark="上午联系", time_zone="Asia/Shanghai"
    )
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    deal = await opportunity(sales, second.id)
    order = await confirmed(sales, second, line("F1"))
    quote = await new_quote(sales, second, line("F1"))
    about = ResourceRef(service="sales", type="customer", id=second.id)
    call = activities.Activity(kind=activities.Activity.CALL, title="回访", subject=about)
    task = await sales.CreateActivity(activities.CreateActivityRequest(activity=call))

    plan = await merged(sales, first.id, second.id, validate_only=True)
    assert (await known(sales, second.id)).merged_into_id == ""
    merge = await merged(sales, first.id, second.id, reason="同一个人")
    assert {part.resource: list(part.ids) for part in plan.moved} == {
        part.resource: list(part.ids) for part in merge.moved
    }
    assert list(plan.filled_fields) == list(merge.filled_fields) == ["phones", "remark", "time_zone"]
    assert {part.resource: list(part.ids) for part in merge.moved} == {
        "opportunities": [deal.id],
        "orders": [order.id],
        "quotes": [quote.id],
        "activities": [task.id],
    }
    assert (await sales.GetOpportunity(GetOpportunityRequest(id=deal.id))).customer_id == first.id
    assert (await sales.GetOrder(GetOrderRequest(id=order.id))).customer_id == first.id
    assert (await sales.GetQuote(GetQuoteRequest(id=quote.id))).customer_id == first.id
    assert (await sales.GetActivity(activities.GetActivityRequest(id=task.id))).subject.id == first.id
    stays = await known(sales, first.id)
    assert [(phone.number, phone.primary) for phone in stays.phones] == [
        ("+8613812341234", True),
        ("+8613912345678", False),
    ]
    assert (stays.remark, stays.time_zone) == ("上午联系", "Asia/Shanghai")
    gone = await known(sales, second.id)
    assert (gone.merged_into_id, gone.duplicate_of_id) == (first.id, "")
    assert await listed(sales) == [first.id]
    assert await listed(sales, f'merged_into_id = "{first.id}"') == [second.id]
    assert await listed(sales, f'id = "{second.id}"') == [second.id]
    assert await listed(sales, 'kind = "COMPANY" OR kind = "PERSON"') == [first.id]
    assert await broken(sales) == {"waiting": 0}


async def test_an_undone_merge_leaves_everything_as_it_was(leads: Client, sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    first, second = await company(sales), await company(sales, "星河科技", remark="老客户")
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    await opportunity(sales, second.id)
    await confirmed(sales, second, line("F1"))
    contact = Contact(customer_id=second.id, full_name="王芳")
    await sales.CreateContact(CreateContactRequest(contact=contact))
    before = await everything(sales)
    merge = await merged(sales, first.id, second.id)
    assert await everything(sales) != before
    await sales.UnmergeCustomers(pb.UnmergeCustomersRequest(id=merge.id, reason="两家公司"))
    assert await everything(sales) == before
    with refused("CUSTOMER_MERGE_UNDONE"):
        await sales.UnmergeCustomers(pb.UnmergeCustomersRequest(id=merge.id))


async def test_parties_that_part_take_their_customers_apart(leads: Client, sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    first, second = await company(sales), await company(sales, "星河科技", remark="老客户")
    await confirmed(sales, second, line("F1"))
    contact = await sales.CreateContact(CreateContactRequest(contact=Contact(customer_id=second.id, full_name="王芳")))
    before = await everything(sales)
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    merge = await merged(sales, first.id, second.id)
    later = await opportunity(sales, first.id)
    assert (await sales.GetContact(GetContactRequest(id=contact.id))).customer_id == first.id
    await move(leads, second.identity_id, first.party_id, second.party_id, 2)
    after = await everything(sales)
    # What came after the merge stays, and with it that the customer is in use.
    assert [row.customer_id for row in after.pop("opportunities")] == [UUID(later.customer_id)]
    before.pop("opportunities")
    used = {row.id: row.used for row in after["customers"]}
    assert used == {UUID(first.id): True, UUID(second.id): True}
    plain = [tuple(row._mapping[key] for key in row._fields if key != "used") for row in after.pop("customers")]
    assert plain == [
        tuple(row._mapping[key] for key in row._fields if key != "used") for row in before.pop("customers")
    ]
    assert after == before
    undone = await sales.GetCustomerMerge(pb.GetCustomerMergeRequest(id=merge.id))
    assert (undone.undo_reason, undone.HasField("undo_time")) == ("parties differ", True)
    assert await broken(sales) == {"waiting": 0}


async def test_of_a_chain_of_merges_the_middle_one_comes_apart_alone(leads: Client, sales: Client) -> None:
    first, second, third = await company(sales), await company(sales, "星河二"), await company(sales, "星河三")
    deals = {customer.id: await opportunity(sales, customer.id) for customer in (first, second, third)}
    for customer in (second, third):
        await move(leads, customer.identity_id, customer.party_id, first.party_id, 1)
    await merged(sales, second.id, third.id)
    await merged(sales, first.id, second.id)
    await move(leads, third.identity_id, first.party_id, third.party_id, 2)

    async def holders() -> list[str]:
        ids = [deal.id for deal in deals.values()]
        return [(await sales.GetOpportunity(GetOpportunityRequest(id=id))).customer_id for id in ids]

    assert await holders() == [first.id, first.id, third.id]
    await move(leads, second.identity_id, first.party_id, second.party_id, 2)
    assert await holders() == [first.id, second.id, third.id]
    assert await broken(sales) == {"waiting": 0}


async def test_impossible_merges_are_refused(leads: Client, sales: Client) -> None:
    first, second, stranger = await company(sales), await company(sales, "星河二"), await company(sales, "杭州云杉")
    with refused("CUSTOMERS_OF_DIFFERENT_PARTIES"):
        await merged(sales, first.id, stranger.id)
    with refused("CUSTOMER_MERGED_WITH_ITSELF"):
        await merged(sales, first.id, first.id)
    with refused("RESOURCE_NOT_FOUND"):
        await merged(sales, first.id, str(new_id()))
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    with refused("PERMISSION_MISSING"):
        await merged(sales.as_(permissions={"sales.customer.update": "all"}), first.id, second.id)
    with refused("ETAG_MISMATCH"):
        await merged(sales, first.id, second.id, etag="99")
    await merged(sales, first.id, second.id)
    with refused("CUSTOMER_MERGED"):
        await merged(sales, first.id, second.id)


async def test_a_joined_customer_takes_nothing_more(leads: Client, sales: Client) -> None:
    await catalogue(sales, {"F1": "100"})
    first, second = await company(sales), await company(sales, "星河二")
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    await merged(sales, first.id, second.id)
    with refused("CUSTOMER_MERGED"):
        await opportunity(sales, second.id)
    with refused("QUOTE_INVALID"):
        await new_quote(sales, second, line("F1"))
    with refused("CUSTOMER_MERGED"):
        await sales.UpdateCustomer(
            customers.UpdateCustomerRequest(customer=customers.Customer(id=second.id, remark="?"))
        )
    with refused("CUSTOMER_MERGED"):
        await sales.DeleteCustomer(customers.DeleteCustomerRequest(id=second.id))
    with refused("CUSTOMER_IN_USE"):
        await sales.DeleteCustomer(customers.DeleteCustomerRequest(id=first.id))
    ensured = await sales.as_(kind="system").EnsureCustomer(
        customers.EnsureCustomerRequest(
            customer_id=second.id,
            identity_id=second.identity_id,
            party_id=second.party_id,
            unit_id=second.unit_id,
            kind=customers.Customer.COMPANY,
            company_name="星河二",
        )
    )
    assert ensured.customer.id == first.id


async def test_what_is_created_at_the_same_moment_is_never_left_behind(leads: Client, sales: Client) -> None:
    first, second = await company(sales), await company(sales, "星河二")
    await opportunity(sales, second.id)
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    creating = [
        sales.CreateOpportunity(
            CreateOpportunityRequest(opportunity=Opportunity(customer_id=second.id, title=f"第{number}单"))
        )
        for number in range(8)
    ]
    await asyncio.gather(*creating[:4], merged(sales, first.id, second.id), *creating[4:], return_exceptions=True)
    assert await broken(sales) == {"waiting": 0}


async def test_the_invariant_sees_a_double_that_nobody_marked_and_work_left_behind(
    leads: Client, sales: Client
) -> None:
    first, second = await company(sales), await company(sales, "星河二")
    deal = await opportunity(sales, first.id)
    await move(leads, second.identity_id, second.party_id, first.party_id, 1)
    async with sales.transaction() as tx:
        await tx.session.execute(text("UPDATE customers SET duplicate_of_id = NULL"))
    assert await broken(sales) == {"customers.doubles_marked": 1, "waiting": 1}
    await merged(sales, first.id, second.id)
    async with sales.transaction() as tx:
        values = {"customer": UUID(second.id), "id": UUID(deal.id)}
        await tx.session.execute(text("UPDATE opportunities SET customer_id = :customer WHERE id = :id"), values)
    assert await broken(sales) == {"customers.merges_complete": 1, "waiting": 0}
