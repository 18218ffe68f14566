"""Customers over the real service: creation, ensuring, transfer, deletion, who may see whom."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

from google.protobuf.field_mask_pb2 import FieldMask
from services.sales.builders import company, money, opportunity, person
from sqlalchemy import text

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.sales.v1 import customer_service_pb2 as pb
from tercet.sales.v1.activity_service_pb2 import Activity, CreateActivityRequest, GetActivityRequest
from tercet.sales.v1.contact_point_pb2 import EmailAddress, MessengerAccount, PhoneNumber
from tercet.sales.v1.contact_service_pb2 import ListContactsRequest
from tercet.sales.v1.opportunity_service_pb2 import GetOpportunityRequest, LoseOpportunityRequest
from tercet.type.v1.address_pb2 import Address
from tercet.type.v1.reference_pb2 import ResourceRef
from tercet_chassis.errors import RemoteRefusal
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


def ensure(**values: object) -> pb.EnsureCustomerRequest:
    given = {
        "customer_id": str(new_id()),
        "identity_id": str(new_id()),
        "party_id": str(new_id()),
        "unit_id": str(new_id()),
        "kind": pb.Customer.PERSON,
        "full_name": "王芳",
    }
    return pb.EnsureCustomerRequest(**{**given, **values})  # type: ignore[arg-type]


async def test_persons_and_companies_are_customers_of_one_install(sales: Client) -> None:
    someone = await person(sales, phones=[PhoneNumber(number="138 1234 5678", primary=True)])
    firm = await company(sales)
    assert (someone.display_name, firm.display_name) == ("王芳", "上海星河科技有限公司")
    assert someone.phones[0].number == "+8613812345678"
    assert someone.phones[0].raw == "138 1234 5678"


async def test_a_customer_made_by_hand_is_a_party_of_its_own(sales: Client) -> None:
    customer = await person(sales)
    assert customer.identity_id == customer.party_id != ""


async def test_the_same_party_may_be_customer_of_two_units_but_not_of_one_twice(sales: Client) -> None:
    first = await company(sales, unit_id=str(new_id()))
    second = await company(sales, unit_id=str(new_id()), party_id=first.party_id)
    assert second.id != first.id
    with refused("CUSTOMER_EXISTS", "customer.party_id"):
        await company(sales, unit_id=first.unit_id, party_id=first.party_id)


async def test_two_creations_of_one_party_at_once_make_one_customer(sales: Client) -> None:
    party, unit = str(new_id()), str(new_id())
    results = await asyncio.gather(
        *(company(sales, unit_id=unit, party_id=party) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, pb.Customer) for result in results) == 1


async def test_a_customer_without_a_name_is_refused(sales: Client) -> None:
    with refused("CUSTOMER_NAME_MISSING", "customer.company_name"):
        await company(sales, "")


async def test_ensuring_makes_a_customer_once_and_answers_it_again(sales: Client) -> None:
    request = ensure(phones=[PhoneNumber(number="13812345678")])
    first = await sales.as_(kind="system").EnsureCustomer(request)
    again = await sales.as_(kind="system").EnsureCustomer(request)
    assert first.created
    assert again.created
    assert again.customer.id == first.customer.id == request.customer_id


async def test_ensuring_at_once_for_two_leads_makes_one_customer(sales: Client) -> None:
    party, unit = str(new_id()), str(new_id())
    answers = await asyncio.gather(
        *(sales.as_(kind="system").EnsureCustomer(ensure(party_id=party, unit_id=unit)) for _ in range(6))
    )
    assert len({answer.customer.id for answer in answers}) == 1
    assert sum(answer.created for answer in answers) == 1


async def test_ensuring_adds_contact_points_to_a_customer_that_is_there(sales: Client) -> None:
    customer = await person(sales, unit_id=str(new_id()), phones=[PhoneNumber(number="13812345678", primary=True)])
    answer = await sales.as_(kind="system").EnsureCustomer(
        ensure(
            party_id=customer.party_id,
            unit_id=customer.unit_id,
            phones=[PhoneNumber(number="+8613812345678"), PhoneNumber(number="13912345678", primary=True)],
            emails=[EmailAddress(address="wang@example.com")],
            addresses=[Address(province="上海市", street="世纪大道 1 号")],
        )
    )
    assert not answer.created
    assert [phone.number for phone in answer.customer.phones] == ["+8613812345678", "+8613912345678"]
    assert [phone.primary for phone in answer.customer.phones] == [True, False]
    assert len(answer.customer.addresses) == 1


async def test_only_services_may_ensure(sales: Client) -> None:
    seller = sales.as_(permissions={"sales.*": "all"}, kind="user")
    with refused("FOR_SERVICES_ONLY"):
        await seller.EnsureCustomer(ensure())


async def test_a_patch_changes_what_it_names_and_nothing_else(sales: Client) -> None:
    customer = await person(sales, grade_code="A", remark="老客户介绍")
    change = pb.Customer(id=customer.id, etag=customer.etag, grade_code="B")
    changed = await sales.UpdateCustomer(
        pb.UpdateCustomerRequest(customer=change, update_mask=FieldMask(paths=["grade_code"]))
    )
    assert (changed.grade_code, changed.remark, changed.full_name) == ("B", "老客户介绍", "王芳")
    with refused("ETAG_MISMATCH", "etag"):
        await sales.UpdateCustomer(
            pb.UpdateCustomerRequest(customer=change, update_mask=FieldMask(paths=["grade_code"]))
        )


async def test_owner_and_party_are_not_changed_by_a_patch(sales: Client) -> None:
    customer = await person(sales)
    for path in ("owner_id", "party_id", "unit_id", "display_name"):
        change = pb.UpdateCustomerRequest(customer=pb.Customer(id=customer.id), update_mask=FieldMask(paths=[path]))
        with refused("FIELD_NOT_WRITABLE", path):
            await sales.UpdateCustomer(change)


async def test_a_transfer_changes_the_owner_and_is_remembered(sales: Client) -> None:
    first, second = await person(sales), await person(sales, "李雷")
    heir = str(new_id())
    request = pb.TransferCustomersRequest(ids=[second.id, first.id], owner_id=heir, reason="区域调整")
    answer = await sales.TransferCustomers(request)
    assert [(customer.id, customer.owner_id) for customer in answer.customers] == [(second.id, heir), (first.id, heir)]
    history = await sales.ListCustomerTransfers(pb.ListCustomerTransfersRequest(id=first.id))
    assert [(row.from_owner_id, row.to_owner_id, row.reason) for row in history.customer_transfers] == [
        (first.owner_id, heir, "区域调整")
    ]
    await sales.TransferCustomers(request)
    assert (
        len((await sales.ListCustomerTransfers(pb.ListCustomerTransfersRequest(id=first.id))).customer_transfers) == 1
    )


async def test_a_transfer_of_one_that_is_out_of_reach_moves_none(sales: Client) -> None:
    customer = await person(sales)
    with refused("RESOURCE_NOT_FOUND"):
        await sales.TransferCustomers(
            pb.TransferCustomersRequest(ids=[customer.id, str(new_id())], owner_id=str(new_id()), reason="x")
        )
    assert (await sales.GetCustomer(pb.GetCustomerRequest(id=customer.id))).owner_id == customer.owner_id


async def test_a_customer_with_work_on_it_is_not_deleted(sales: Client) -> None:
    idle, busy = await person(sales), await person(sales)
    await opportunity(sales, busy.id)
    await sales.DeleteCustomer(pb.DeleteCustomerRequest(id=idle.id))
    with refused("RESOURCE_NOT_FOUND"):
        await sales.GetCustomer(pb.GetCustomerRequest(id=idle.id))
    with refused("CUSTOMER_IN_USE", "id"):
        await sales.DeleteCustomer(pb.DeleteCustomerRequest(id=busy.id))


async def test_duplicates_are_told_by_ids_even_out_of_reach(sales: Client) -> None:
    customer = await person(sales, unit_id=str(new_id()))
    colleague = sales.as_(permissions={"sales.customer.*": "own"})
    with refused("RESOURCE_NOT_FOUND"):
        await colleague.GetCustomer(pb.GetCustomerRequest(id=customer.id))
    answer = await colleague.CheckCustomerDuplicates(pb.CheckCustomerDuplicatesRequest(party_ids=[customer.party_id]))
    assert [(hint.customer_id, hint.unit_id, hint.owner_id) for hint in answer.hints] == [
        (customer.id, customer.unit_id, customer.owner_id)
    ]


async def test_a_list_holds_exactly_what_single_reads_would_answer(sales: Client) -> None:
    north, south, below = new_id(), new_id(), new_id()
    path = await sales.know_unit(north)
    await sales.know_unit(south)
    await sales.know_unit(below, parent_path=path)
    seller = new_id()
    made = [
        await person(sales, f"客户{at}", unit_id=str(unit), owner_id=str(owner))
        for at, (unit, owner) in enumerate(
            [(north, seller), (north, new_id()), (below, new_id()), (south, seller), (south, new_id())]
        )
    ]
    for scope in ("own", "unit", "unit_below", "all"):
        reader = sales.as_(permissions={"sales.customer.read": scope}, user_id=seller, unit_id=north)
        listed = {customer.id for customer in (await reader.ListCustomers(pb.ListCustomersRequest())).customers}
        single = set()
        for customer in made:
            with contextlib.suppress(RemoteRefusal):
                single.add((await reader.GetCustomer(pb.GetCustomerRequest(id=customer.id))).id)
        assert listed == single, scope
        assert len(listed) == {"own": 2, "unit": 3, "unit_below": 4, "all": 5}[scope]


async def test_nobody_sees_or_changes_without_the_permission(sales: Client) -> None:
    customer = await person(sales)
    reader = sales.as_(permissions={"sales.customer.read": "all"})
    assert (await reader.GetCustomer(pb.GetCustomerRequest(id=customer.id))).id == customer.id
    with refused("PERMISSION_MISSING"):
        await reader.UpdateCustomer(pb.UpdateCustomerRequest(customer=pb.Customer(id=customer.id, remark="x")))
    with refused("PERMISSION_MISSING"):
        await person(reader)


async def test_another_tenant_does_not_know_the_customer(sales: Client) -> None:
    customer = await person(sales)
    stranger = sales.as_(tenant_id=new_id())
    with refused("RESOURCE_NOT_FOUND"):
        await stranger.GetCustomer(pb.GetCustomerRequest(id=customer.id))
    assert not (await stranger.ListCustomers(pb.ListCustomersRequest())).customers


async def test_a_phone_mask_hides_numbers_and_leaves_addresses(sales: Client) -> None:
    customer = await person(
        sales,
        phones=[PhoneNumber(number="13812345678")],
        emails=[EmailAddress(address="wang@example.com")],
        accounts=[MessengerAccount(platform="wechat", account="wangfang_88")],
    )
    masked = await sales.as_(masks=["PHONE"]).GetCustomer(pb.GetCustomerRequest(id=customer.id))
    assert masked.phones[0].number == "+86****5678"
    assert "1234" not in masked.phones[0].raw
    assert masked.emails[0].address == "wang@example.com"
    assert masked.accounts[0].account == "wangfang_88"


async def test_customers_are_found_by_name_pinyin_and_number(sales: Client) -> None:
    customer = await company(sales, "深圳蓝海贸易有限公司", phones=[PhoneNumber(number="0755-8888 1234")])
    someone = await person(sales, "王芳")
    assert [item.id for item in (await sales.ListCustomers(pb.ListCustomersRequest(q="wangfang"))).customers] == [
        someone.id
    ]
    for q in ("蓝海", "1234", "貿易"):
        found = await sales.ListCustomers(pb.ListCustomersRequest(q=q))
        assert [item.id for item in found.customers] == [customer.id], q


async def test_bad_input_names_the_field(sales: Client) -> None:
    with refused("REQUEST_INVALID", "customer.kind"):
        await sales.CreateCustomer(pb.CreateCustomerRequest(customer=pb.Customer(full_name="x")))
    with refused("REQUEST_INVALID", "customer.full_name"):
        await person(sales, "王" * 201)
    with refused("VALUE_INVALID", "birth_date"):
        await person(sales, birth_date="1990-02-31")
    with refused("CONDITION_INVALID", "filter"):
        await sales.ListCustomers(pb.ListCustomersRequest(filter="grade_code = = 3"))
    with refused("TIME_ZONE_UNKNOWN", "customer.time_zone"):
        await person(sales, time_zone="Asia/Atlantis")
    with refused("AMOUNT_NEGATIVE", "customer.credit_limit.amount"):
        await person(sales, credit_limit=money("-1"))
    with refused("PRIMARY_TWICE"):
        numbers = [PhoneNumber(number=number, primary=True) for number in ("13812345678", "13912345678")]
        await person(sales, phones=numbers)


async def test_one_key_gives_one_customer(sales: Client) -> None:
    request = pb.CreateCustomerRequest(customer=pb.Customer(kind=pb.Customer.PERSON, full_name="王芳"))
    first = await sales.CreateCustomer(request, request_id="once")
    again = await sales.CreateCustomer(request, request_id="once")
    assert first.id == again.id
    request.customer.full_name = "李雷"
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await sales.CreateCustomer(request, request_id="once")


async def test_every_change_is_announced_with_the_customer_as_it_is(sales: Client) -> None:
    customer = await person(sales)
    await sales.TransferCustomers(pb.TransferCustomersRequest(ids=[customer.id], owner_id=str(new_id()), reason="离职"))
    await sales.DeleteCustomer(pb.DeleteCustomerRequest(id=customer.id))
    async with sales.transaction() as tx:
        rows = await tx.session.execute(
            text("SELECT subject, version FROM outbox WHERE resource_id = :id ORDER BY id"), {"id": UUID(customer.id)}
        )
        told = [(row.subject.split(".")[3], row.version) for row in rows]
    assert told == [("created", 1), ("transferred", 2), ("deleted", 3)]


async def test_a_customer_of_another_unit_does_not_stand_in_for_ones_own(sales: Client) -> None:
    system = sales.as_(kind="system")
    of_north = await person(sales, unit_id=str(new_id()))
    request = ensure(customer_id=of_north.id, party_id=of_north.party_id, identity_id=of_north.identity_id)
    first, again = await system.EnsureCustomer(request), await system.EnsureCustomer(request)
    assert first.customer.id == again.customer.id != of_north.id
    assert first.customer.unit_id == request.unit_id


async def test_the_person_to_speak_to_at_a_company_becomes_a_contact_once(sales: Client) -> None:
    system = sales.as_(kind="system")
    request = ensure(
        kind=pb.Customer.COMPANY, company_name="上海星河科技有限公司", phones=[PhoneNumber(number="13812345678")]
    )
    for _ in range(2):
        made = (await system.EnsureCustomer(request)).customer
    listed = (await sales.ListContacts(ListContactsRequest(filter=f'customer_id = "{made.id}"'))).contacts
    assert [(contact.full_name, contact.phones[0].number) for contact in listed] == [("王芳", "+8613812345678")]
    with refused("CUSTOMER_NAME_MISSING", "customer.company_name"):
        await system.EnsureCustomer(ensure(kind=pb.Customer.COMPANY))


async def test_open_work_goes_with_the_customer_when_it_is_asked_for(sales: Client) -> None:
    seller, heir = new_id(), str(new_id())
    mine = sales.as_(user_id=seller)
    customer = await company(mine)
    deal, of_other = await opportunity(mine, customer.id), await opportunity(sales, customer.id, owner_id=str(new_id()))
    closed = await opportunity(mine, customer.id)
    await mine.LoseOpportunity(LoseOpportunityRequest(id=closed.id, reason_code="price"))
    subject = ResourceRef(service="sales", type="customer", id=customer.id)
    task = await mine.CreateActivity(
        CreateActivityRequest(activity=Activity(kind=Activity.TASK, title="回访", subject=subject))
    )
    await sales.TransferCustomers(
        pb.TransferCustomersRequest(ids=[customer.id], owner_id=heir, reason="离职", with_open_work=True)
    )
    await sales.settled()
    owners = [
        (await sales.GetOpportunity(GetOpportunityRequest(id=item.id))).owner_id for item in (deal, of_other, closed)
    ]
    assert owners == [heir, of_other.owner_id, str(seller)]
    assert (await sales.GetActivity(GetActivityRequest(id=task.id))).owner_id == heir


async def test_the_invariants_hold_and_would_tell_if_they_did_not(sales: Client) -> None:
    customer = await company(sales, lead_id=str(new_id()), unit_id=str(new_id()))
    deal = await opportunity(sales, customer.id)

    async def broken() -> dict[str, int]:
        # What the check asks of other services is not ours to test: they do not run here.
        answer = await sales.CheckInvariants(CheckInvariantsRequest())
        ours = ("customers.one_each", "opportunities.whole")
        return {f.invariant: f.broken_count for f in answer.findings if f.invariant in ours and not f.holds}

    assert await broken() == {}
    await company(sales, lead_id=customer.lead_id, unit_id=customer.unit_id)
    async with sales.transaction() as tx:
        await tx.session.execute(
            text("UPDATE opportunities SET stage_code = 'lost' WHERE id = :id"), {"id": UUID(deal.id)}
        )
    assert await broken() == {"customers.one_each": 1, "opportunities.whole": 1}
