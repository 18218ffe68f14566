"""Contacts follow what sales tells."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.sales.v1 import events_pb2 as sales
from tercet.sales.v1.contact_service_pb2 import Contact
from tercet_chassis import Tx, projection
from tercet_marketing.contacts.model import CompanyContact


@projection(sales.ContactCreated, sales.ContactUpdated, sales.ContactDeleted)
async def follow_contact(event: Any, tx: Tx) -> None:
    """A contact is kept as it is now."""
    contact = event.contact
    known = await tx.find(CompanyContact, contact.id)
    if isinstance(event, sales.ContactDeleted):
        if known is not None:
            await tx.delete(known)
        return
    if known is None:
        tx.add(CompanyContact(id=UUID(contact.id), **_told(contact)))
        return
    for name, value in _told(contact).items():
        setattr(known, name, value)


def _told(contact: Contact) -> dict[str, Any]:
    points = [{"kind": "PHONE", "value": phone.number} for phone in contact.phones]
    points += [{"kind": "EMAIL", "value": email.address} for email in contact.emails]
    points += [{"kind": "ACCOUNT", "value": one.account, "platform": one.platform} for one in contact.accounts]
    return {
        "customer_id": UUID(contact.customer_id),
        "person_identity_id": UUID(contact.identity_id) if contact.identity_id else None,
        "full_name": contact.full_name,
        "role": Contact.BuyingRole.Name(contact.buying_role) if contact.buying_role else "",
        "preferred": contact.preferred,
        "active": contact.active if contact.HasField("active") else True,
        "language": contact.language_code,
        "contact_points": points,
    }
