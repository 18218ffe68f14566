"""Contacts over the real service."""

from __future__ import annotations

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from services.sales.builders import company, person

from tercet.sales.v1 import contact_service_pb2 as pb
from tercet.sales.v1.contact_point_pb2 import EmailAddress, PhoneNumber
from tercet.sales.v1.customer_service_pb2 import DeleteCustomerRequest, TransferCustomersRequest
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused


async def contact(sales: Client, customer_id: str, name: str = "李雷", **values: Any) -> pb.Contact:
    given = pb.Contact(customer_id=customer_id, full_name=name, **values)
    made: pb.Contact = await sales.CreateContact(pb.CreateContactRequest(contact=given))
    return made


async def test_a_contact_belongs_to_a_company_and_its_unit(sales: Client) -> None:
    firm = await company(sales, unit_id=str(new_id()))
    made = await contact(
        sales,
        firm.id,
        job_title="採購總監",
        buying_role=pb.Contact.DECISION_MAKER,
        phones=[PhoneNumber(number="138 1234 5678")],
    )
    assert (made.unit_id, made.owner_id, made.active) == (firm.unit_id, firm.owner_id, True)
    assert made.party_id == made.identity_id != firm.party_id
    assert made.phones[0].number == "+8613812345678"


async def test_a_person_has_no_contacts(sales: Client) -> None:
    someone = await person(sales)
    with refused("CUSTOMER_NOT_COMPANY", "contact.customer_id"):
        await contact(sales, someone.id)
    with refused("CUSTOMER_UNKNOWN"):
        await contact(sales, str(new_id()))


async def test_one_person_is_contact_of_two_companies_but_of_none_twice(sales: Client) -> None:
    one, other = await company(sales), await company(sales, "深圳蓝海贸易有限公司")
    made = await contact(sales, one.id)
    await contact(sales, other.id, party_id=made.party_id)
    with refused("CONTACT_EXISTS", "contact.party_id"):
        await contact(sales, one.id, party_id=made.party_id)


async def test_a_company_with_contacts_is_not_deleted(sales: Client) -> None:
    firm = await company(sales)
    made = await contact(sales, firm.id)
    with refused("CUSTOMER_IN_USE", "id"):
        await sales.DeleteCustomer(DeleteCustomerRequest(id=firm.id))
    await sales.DeleteContact(pb.DeleteContactRequest(id=made.id))
    await sales.DeleteCustomer(DeleteCustomerRequest(id=firm.id))


async def test_contacts_go_with_their_customer_to_its_new_owner(sales: Client) -> None:
    firm, heir = await company(sales), str(new_id())
    followed, kept = await contact(sales, firm.id), await contact(sales, firm.id, "韩梅梅", owner_id=str(new_id()))
    await sales.TransferCustomers(TransferCustomersRequest(ids=[firm.id], owner_id=heir, reason="离职"))
    assert (await sales.GetContact(pb.GetContactRequest(id=followed.id))).owner_id == heir
    assert (await sales.GetContact(pb.GetContactRequest(id=kept.id))).owner_id == kept.owner_id


async def test_a_contact_leaves_the_company_and_is_kept(sales: Client) -> None:
    made = await contact(sales, (await company(sales)).id)
    change = pb.Contact(id=made.id, active=False, emails=[EmailAddress(address="li@EXAMPLE.com")])
    mask = FieldMask(paths=["active", "emails"])
    changed = await sales.UpdateContact(pb.UpdateContactRequest(contact=change, update_mask=mask))
    assert (changed.active, changed.emails[0].address, changed.full_name) == (False, "li@example.com", "李雷")


async def test_contacts_are_seen_by_scope(sales: Client) -> None:
    firm = await company(sales)
    mine = await contact(sales, firm.id, owner_id=str(seller := new_id()))
    other = await contact(sales, firm.id, "韩梅梅", owner_id=str(new_id()))
    reader = sales.as_(permissions={"sales.contact.*": "own"}, user_id=seller)
    assert [item.id for item in (await reader.ListContacts(pb.ListContactsRequest())).contacts] == [mine.id]
    with refused("RESOURCE_NOT_FOUND"):
        await reader.DeleteContact(pb.DeleteContactRequest(id=other.id))
