"""Methods of customers and contacts beyond the free ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsResponse
from tercet.sales.v1 import customer_service_pb2 as pb
from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.contact_service_pb2 import CreateContactRequest, UpdateContactRequest
from tercet_chassis import Handlers, Tx, derived_id, invariant
from tercet_chassis.entity import view
from tercet_chassis.invariants import finding
from tercet_chassis.reading import Look
from tercet_chassis.row_json import JsonReply
from tercet_sales.customers import store
from tercet_sales.customers.errors import ContactExists, CustomerExists
from tercet_sales.customers.model import Contact, Customer, CustomerTransfer

Finding = CheckInvariantsResponse.Finding
# Who asks for a customer by its id gets it, as from GetCustomer.
_STANDING = "NOT merged_into_id:*"
_NAMES_JOINED = re.compile(r"\b(id|merged_into_id)\b")


def _uuid(text: str) -> UUID | None:
    return UUID(text) if text else None


def _points(messages: Iterable[Message]) -> list[dict[str, Any]]:
    return [json_format.MessageToDict(message, preserving_proto_field_name=True) for message in messages]


def _rendered(tx: Tx, customer: Customer) -> pb.Customer:
    return cast(pb.Customer, tx.render(customer))


class CustomerService(Handlers):
    """Serves tercet.sales.v1.CustomerService."""

    async def CreateCustomer(self, request: pb.CreateCustomerRequest, tx: Tx) -> Customer:
        """Adds a customer. Refuses a party that the unit has already, and a customer without a name."""
        given = request.customer
        unit_id = _uuid(given.unit_id) or tx.principal.unit_id
        party_id = await self._party(given, tx)
        if party_id is not None:
            await store.lock_pair(tx, party_id, unit_id)
            existing = await store.customer_of(tx, party_id, unit_id)
            if existing is not None:
                raise CustomerExists(customer_id=existing.id)
        region = await store.region(tx)
        customer = await tx.create(Customer, given)
        customer.settle(region)
        tx.emit(events.CustomerCreated, customer)
        return customer

    @staticmethod
    async def _party(given: pb.Customer, tx: Tx) -> UUID | None:
        """Who the customer is held to be today: what the caller read may be older than a merge."""
        moved = await tx.known.party_of(UUID(given.identity_id)) if given.identity_id else None
        return moved or _uuid(given.party_id or given.identity_id)

    async def EnsureCustomer(self, request: pb.EnsureCustomerRequest, tx: Tx) -> pb.EnsureCustomerResponse:
        """Answers the unit's customer of the party, made when there is none. Refuses a customer without a name."""
        unit_id, customer_id = UUID(request.unit_id), UUID(request.customer_id)
        party_id = await tx.known.party_of(UUID(request.identity_id)) or UUID(request.party_id)
        await store.lock_pair(tx, party_id, unit_id)
        # By id first: the party may have moved since the first call, the id that the caller chose has not.
        named = await store.by_id(tx, customer_id)
        if named is not None and named.unit_id != unit_id:
            customer_id = derived_id("customer", customer_id, unit_id)
            named = await store.by_id(tx, customer_id)
        existing = await store.standing(tx, named) or await store.customer_of(tx, party_id, unit_id)
        region = await store.region(tx)
        customer = self._described(request, customer_id, region)
        created = existing is None or (existing.id == customer_id and existing.lead_id == customer.lead_id)
        if existing is None:
            tx.add(customer)
            tx.emit(events.CustomerCreated, customer)
        else:
            if existing.take_in(customer):
                tx.emit(events.CustomerUpdated, existing)
            customer = existing
        await tx.flush()
        await self._ensure_contact(request, customer, region, tx)
        return pb.EnsureCustomerResponse(customer=_rendered(tx, customer), created=created)

    @staticmethod
    async def _ensure_contact(request: pb.EnsureCustomerRequest, customer: Customer, region: str, tx: Tx) -> None:
        """The person to speak to at a company, once a name."""
        if customer.kind != "COMPANY" or not request.full_name.strip():
            return
        if await store.contact_named(tx, customer.id, request.full_name.strip()) is not None:
            return
        contact = Contact(
            id=derived_id("contact", customer.id, request.full_name.strip()),
            customer_id=customer.id,
            full_name=request.full_name.strip(),
            phones=_points(request.phones),
            emails=_points(request.emails),
            accounts=_points(request.accounts),
            unit_id=customer.unit_id,
            owner_id=customer.owner_id,
            partner_party_id=customer.partner_party_id,
        )
        contact.settle(region)
        tx.emit(events.ContactCreated, tx.add(contact))

    @staticmethod
    def _described(request: pb.EnsureCustomerRequest, customer_id: UUID, region: str) -> Customer:
        customer = Customer(
            id=customer_id,
            identity_id=UUID(request.identity_id),
            party_id=UUID(request.party_id),
            kind=pb.Customer.Kind.Name(request.kind),
            full_name=request.full_name or None,
            company_name=request.company_name or None,
            phones=_points(request.phones),
            emails=_points(request.emails),
            accounts=_points(request.accounts),
            addresses=_points(request.addresses),
            unit_id=UUID(request.unit_id),
            owner_id=_uuid(request.owner_id),
            partner_party_id=_uuid(request.partner_party_id),
            lead_id=_uuid(request.lead_id),
            source_code=request.source_code or None,
            uscc=request.uscc or None,
        )
        customer.settle(region)
        return customer

    async def ListCustomers(self, request: pb.ListCustomersRequest, look: Look) -> Message | JsonReply:
        """Customers in the caller's reach; those that were joined into others only when the filter names them."""
        if not _NAMES_JOINED.search(request.filter):
            # AND binds less than OR, and what a filter says wrong stays where it is.
            request.filter = f"{request.filter} AND {_STANDING}" if request.filter.strip() else _STANDING
        return await look.page(Customer, request, response=pb.ListCustomersResponse)

    async def UpdateCustomer(self, request: pb.UpdateCustomerRequest, tx: Tx) -> Customer:
        """Changes a customer. Refuses one that would have no name."""
        customer = await tx.get(Customer, request.customer.id, etag=request.customer.etag)
        customer.check_not_merged()
        region = await store.region(tx)
        await tx.patch(customer, request.customer, request.update_mask)
        customer.settle(region)
        if tx.session.is_modified(customer):
            tx.emit(events.CustomerUpdated, customer)
        return customer

    async def DeleteCustomer(self, request: pb.DeleteCustomerRequest, tx: Tx) -> Empty:
        """Removes a customer that nothing hangs on. Refuses one in use."""
        customer = await tx.get(Customer, request.id, etag=request.etag, lock=True)
        customer.check_unused(await store.contact_count(tx, customer.id), await store.joined_count(tx, customer.id))
        tx.emit(events.CustomerDeleted, customer)
        await tx.delete(customer)
        return Empty()

    async def TransferCustomers(self, request: pb.TransferCustomersRequest, tx: Tx) -> pb.TransferCustomersResponse:
        """Gives customers, and the contacts that went with their owner, to another.

        Refuses all when one is out of reach.
        """
        owner_id = UUID(request.owner_id)
        # In one order for everybody, so that two transfers of the same customers do not wait for each other.
        found = {id: await tx.get(Customer, id, lock=True) for id in sorted(request.ids)}
        for customer in found.values():
            customer.check_not_merged()
        moved = [customer for customer in found.values() if customer.owner_id != owner_id]
        previous = {customer.owner_id for customer in moved if customer.owner_id is not None}
        contacts = await store.contacts_owned(tx, [customer.id for customer in moved], sorted(previous, key=str))
        for customer in moved:
            tx.add(
                CustomerTransfer(
                    customer_id=customer.id,
                    from_owner_id=customer.owner_id,
                    to_owner_id=owner_id,
                    actor_id=tx.principal.user_id,
                    reason=request.reason,
                )
            )
            tx.emit(
                events.CustomerTransferred,
                customer,
                previous_owner_id=customer.owner_id,
                reason=request.reason,
                with_open_work=request.with_open_work,
            )
        by_id = {customer.id: customer for customer in moved}
        for contact in contacts:
            if contact.owner_id == by_id[contact.customer_id].owner_id:
                contact.owner_id = owner_id
                tx.emit(events.ContactUpdated, contact)
        for customer in moved:
            customer.owner_id = owner_id
        await tx.flush()
        return pb.TransferCustomersResponse(customers=[_rendered(tx, found[id]) for id in request.ids])

    async def ListCustomerTransfers(self, request: pb.ListCustomerTransfersRequest, tx: Tx) -> Message:
        """Who has owned a customer, latest first. Refuses a customer out of reach."""
        customer = await tx.get(Customer, request.id)
        where = [view(CustomerTransfer).c.customer_id == customer.id]
        return await tx.page(CustomerTransfer, request, where=where, response=pb.ListCustomerTransfersResponse)

    async def CheckCustomerDuplicates(
        self, request: pb.CheckCustomerDuplicatesRequest, tx: Tx
    ) -> pb.CheckCustomerDuplicatesResponse:
        """Which units have these parties as customers, whoever may see them; ids only."""
        found = await store.hints(tx, [UUID(id) for id in request.party_ids])
        hint = pb.CheckCustomerDuplicatesResponse.Hint
        return pb.CheckCustomerDuplicatesResponse(
            hints=[
                hint(party_id=str(party), customer_id=str(id), unit_id=str(unit or ""), owner_id=str(owner or ""))
                for party, id, unit, owner in found
            ]
        )


class ContactService(Handlers):
    """Serves tercet.sales.v1.ContactService."""

    async def CreateContact(self, request: CreateContactRequest, tx: Tx) -> Contact:
        """Adds a person to a company.

        Refuses a customer who is a person, and somebody who is a contact there already.
        """
        given = request.contact
        customer = await store.reachable(tx, given.customer_id)
        customer.check_company()
        party_id = _uuid(given.party_id or given.identity_id)
        if party_id is not None:
            await store.lock_pair(tx, party_id, customer.id)
            existing = await store.contact_of(tx, customer.id, party_id)
            if existing is not None:
                raise ContactExists(contact_id=existing.id)
        region = await store.region(tx)
        contact = await tx.create(Contact, given)
        contact.owner_id = _uuid(given.owner_id) or customer.owner_id or contact.owner_id
        contact.unit_id = _uuid(given.unit_id) or customer.unit_id
        contact.partner_party_id = _uuid(given.partner_party_id) or customer.partner_party_id
        contact.settle(region)
        tx.emit(events.ContactCreated, contact)
        return contact

    async def UpdateContact(self, request: UpdateContactRequest, tx: Tx) -> Contact:
        """Changes a contact. Refuses two primary contact points."""
        contact = await tx.get(Contact, request.contact.id, etag=request.contact.etag)
        region = await store.region(tx)
        await tx.patch(contact, request.contact, request.update_mask)
        contact.settle(region)
        if tx.session.is_modified(contact):
            tx.emit(events.ContactUpdated, contact)
        return contact


@invariant
async def one_customer_each(tx: Tx) -> Finding:
    """An identity and a lead have at most one customer in a unit."""
    total, broken = await store.doubled(tx)
    return finding("customers.one_each", total, broken)
