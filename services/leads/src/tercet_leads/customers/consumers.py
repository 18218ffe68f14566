"""Sales announces customers; intake must know them."""

from __future__ import annotations

from uuid import UUID

from tercet.sales.v1.events_pb2 import CustomerCreated, CustomerDeleted, CustomerTransferred, CustomerUpdated
from tercet_chassis import Tx, projection
from tercet_leads.customers.model import KnownCustomer


@projection(CustomerCreated, CustomerUpdated, CustomerTransferred, CustomerDeleted)
async def remember_customer(
    event: CustomerCreated | CustomerUpdated | CustomerTransferred | CustomerDeleted, tx: Tx
) -> None:
    """Keeps who owns which customer."""
    customer = event.customer
    known = await tx.find(KnownCustomer, customer.id, lock=True)
    if known is None:
        known = KnownCustomer(
            id=UUID(customer.id), identity_id=UUID(customer.identity_id), party_id=UUID(customer.party_id)
        )
        tx.add(known)
    # Afterwards party moves alone change the party.
    known.owner_id = UUID(customer.owner_id) if customer.owner_id else None
    known.unit_id = UUID(customer.unit_id) if customer.unit_id else None
    # What hung on one that was joined into another is found there.
    known.active = not isinstance(event, CustomerDeleted) and not customer.merged_into_id
