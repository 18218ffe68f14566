"""Requests of the bench's tests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tercet.sales.v1 import activity_service_pb2 as activities
from tercet.sales.v1 import contact_service_pb2 as contacts
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client


def contact(name: str = "王芳", **values: Any) -> contacts.Contact:
    identity = str(new_id())
    return contacts.Contact(
        **{"full_name": name, "customer_id": str(new_id()), "identity_id": identity, "party_id": identity, **values}
    )


async def create(client: Client, name: str = "王芳", *, request_id: str = "", **values: Any) -> contacts.Contact:
    request = contacts.CreateContactRequest(contact=contact(name, **values))
    made: contacts.Contact = await client.CreateContact(request, request_id=request_id)
    return made


async def activity(client: Client, title: str = "拜访", **values: Any) -> activities.Activity:
    identity = str(new_id())
    made: activities.Activity = await client.CreateActivity(
        activities.CreateActivityRequest(
            activity=activities.Activity(
                **{"title": title, "kind": "VISIT", "identity_id": identity, "party_id": identity, **values}
            )
        )
    )
    return made


async def everything(client: Client, **query: Any) -> list[contacts.Contact]:
    """Every contact of a list, page by page."""
    found: list[contacts.Contact] = []
    token = ""
    while True:
        page = await client.ListContacts(contacts.ListContactsRequest(page_token=token, **query))
        found += page.contacts
        token = page.next_page_token
        if not token:
            return found


def names(found: list[contacts.Contact]) -> list[str]:
    return [one.full_name for one in found]


def uuids(found: list[contacts.Contact]) -> set[UUID]:
    return {UUID(one.id) for one in found}
