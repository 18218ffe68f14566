"""Queries of customers and contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_sales.customers.errors import CustomerMerged, CustomerUnknown, SellerUnitOutOfReach
from tercet_sales.customers.model import Contact, Customer
from tercet_sales.customers.rules import DEFAULT_REGION


async def lock_pair(tx: Tx, party_id: UUID | None, unit_id: UUID | None) -> None:
    """Makes others who want to create this party as a customer of this unit wait until the end of the transaction."""
    await tx.hold("customer", [f"{party_id}:{unit_id}"])


async def customer_of(tx: Tx, party_id: UUID, unit_id: UUID | None) -> Customer | None:
    """The customer that a unit has of a party; the oldest where a merge of parties has left two."""
    of_unit = Customer.unit_id.is_(None) if unit_id is None else Customer.unit_id == unit_id
    held = (Customer.party_id == party_id, of_unit, Customer.merged_into_id.is_(None))
    query = select(Customer).where(*held).order_by(Customer.id).limit(1)
    return (await tx.session.scalars(query)).one_or_none()


async def by_id(tx: Tx, id: UUID) -> Customer | None:
    """The customer, whoever may see it; locked."""
    query = select(Customer).where(Customer.id == id).with_for_update().execution_options(populate_existing=True)
    return (await tx.session.scalars(query)).one_or_none()


async def standing(tx: Tx, customer: Customer | None) -> Customer | None:
    """The customer, or the one that it was joined into; locked."""
    while customer is not None and customer.merged_into_id is not None:
        customer = await by_id(tx, customer.merged_into_id)
    return customer


async def reachable(tx: Tx, id: str | UUID) -> Customer:
    """The customer that a request names beside its own resource.

    Refuses one that is not there, out of reach or joined into another.
    """
    found = await tx.find(Customer, id)
    if found is None:
        raise CustomerUnknown(customer_id=id)
    found.check_not_merged()
    return found


async def mark_used(tx: Tx, customer_id: UUID) -> None:
    """Remembers that something hangs on the customer, so that it can no longer be deleted.

    Refuses one that is gone or was joined into another; a merge waits until this transaction ends.
    """
    # Not through the entity: being used is no change that a reader's etag should notice.
    marked = await tx.session.execute(
        update(Customer)
        .where(Customer.id == customer_id, Customer.used.is_(False), Customer.merged_into_id.is_(None))
        .values(used=True)
        .execution_options(synchronize_session=False)
        .returning(Customer.id)
    )
    if marked.first() is not None:
        return
    held = select(Customer.merged_into_id).where(Customer.id == customer_id).with_for_update(read=True, key_share=True)
    found = (await tx.session.execute(held)).one_or_none()
    if found is None:
        raise CustomerUnknown(customer_id=customer_id)
    if found.merged_into_id is not None:
        raise CustomerMerged(customer_id=customer_id, merged_into_id=found.merged_into_id)


async def region(tx: Tx) -> str:
    """The tenant's country: phone numbers without a prefix are read as its."""
    return await tx.known.region() or DEFAULT_REGION


async def contact_count(tx: Tx, customer_id: UUID) -> int:
    """How many contacts the customer has."""
    contacts = view(Contact)
    return int(
        await tx.session.scalar(select(func.count()).select_from(contacts).where(contacts.c.customer_id == customer_id))
        or 0
    )


async def joined_count(tx: Tx, customer_id: UUID) -> int:
    """How many customers were joined into this one."""
    customers = view(Customer)
    query = select(func.count()).select_from(customers).where(customers.c.merged_into_id == customer_id)
    return int(await tx.session.scalar(query) or 0)


async def contact_of(tx: Tx, customer_id: UUID, party_id: UUID) -> Contact | None:
    """The contact that a person is at a customer."""
    query = (
        select(Contact)
        .where(Contact.customer_id == customer_id, Contact.party_id == party_id)
        .order_by(Contact.id)
        .limit(1)
    )
    return (await tx.session.scalars(query)).one_or_none()


async def contact_named(tx: Tx, customer_id: UUID, full_name: str) -> Contact | None:
    """The contact of that name at a customer, the oldest of several."""
    query = (
        select(Contact)
        .where(Contact.customer_id == customer_id, Contact.full_name == full_name)
        .order_by(Contact.id)
        .limit(1)
    )
    return (await tx.session.scalars(query)).one_or_none()


async def doubled(tx: Tx) -> tuple[int, list[str]]:
    """How many customers there are, and those of one identity and unit or of one lead that are more than one."""
    customers = view(Customer)
    total = await tx.session.scalar(select(func.count()).select_from(customers))
    broken: list[str] = []
    for keys, condition in (
        ((customers.c.identity_id, customers.c.unit_id), customers.c.id.is_not(None)),
        ((customers.c.lead_id, customers.c.unit_id), customers.c.lead_id.is_not(None)),
    ):
        query = select(*keys).where(condition).group_by(*keys).having(func.count() > 1).limit(20)
        broken += [" ".join(str(value) for value in row) for row in (await tx.session.execute(query)).all()]
    return int(total or 0), broken


async def contacts_owned(tx: Tx, customer_ids: Sequence[UUID], owner_ids: Sequence[UUID]) -> Sequence[Contact]:
    """The contacts of these customers that these people look after."""
    query = (
        select(Contact)
        .where(Contact.customer_id.in_(customer_ids), Contact.owner_id.in_(owner_ids))
        .order_by(Contact.id)
    )
    return (await tx.session.scalars(query)).all()


async def hints(tx: Tx, party_ids: Sequence[UUID]) -> Sequence[Any]:
    """Party, customer, unit and owner of every customer of these parties in the tenant."""
    customers = view(Customer)
    query = (
        select(customers.c.party_id, customers.c.id, customers.c.unit_id, customers.c.owner_id)
        .where(customers.c.party_id.in_(party_ids), customers.c.merged_into_id.is_(None))
        .order_by(customers.c.party_id, customers.c.unit_id, customers.c.id)
    )
    return (await tx.session.execute(query)).all()


async def check_seller(tx: Tx, unit_id: UUID | None, customer: Customer | None) -> None:
    """Refuses to sell for a unit out of the caller's reach. Who has a customer in reach may sell for its unit."""
    if unit_id is None or (customer is not None and unit_id == customer.unit_id):
        return
    if not await tx.known.may_act_for(unit_id):
        raise SellerUnitOutOfReach(unit_id=unit_id)
