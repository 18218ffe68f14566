"""An effect and a projection on the bench's own events."""

from __future__ import annotations

from collections.abc import Sequence

from support.bench.contacts.errors import ContactRefused
from support.bench.contacts.model import Happening
from support.bench.contacts.script import SCRIPT
from tercet.sales.v1.events_pb2 import (
    ActivityCompleted,
    ActivityCreated,
    ContactCreated,
    ContactDeleted,
    ContactUpdated,
)
from tercet_chassis import Event, NotYet, Tx, effect, projection


@effect(ContactCreated)
async def welcome(event: ContactCreated, tx: Tx) -> None:
    """Greets once. A name with `refuse` is refused, one with `early` comes too early until the test allows it."""
    name = event.contact.full_name
    await SCRIPT.at(f"welcome {name}")
    if "refuse" in name and name not in SCRIPT.calls:
        raise ContactRefused(name=name)
    if "early" in name and name not in SCRIPT.calls:
        raise NotYet(f"{name} is early")
    tx.add(Happening(kind="welcome", note=name, version=tx.event.version))


@projection(ContactCreated, ContactUpdated, ContactDeleted)
async def remember(event: ContactCreated | ContactUpdated | ContactDeleted, tx: Tx) -> None:
    """Keeps what it is told."""
    tx.add(Happening(kind="remember", note=event.contact.full_name, version=tx.event.version))


@effect(ActivityCreated, origins={"import"})
async def count_imported(event: ActivityCreated, tx: Tx) -> None:
    """Counts imported activities only."""
    tx.add(Happening(kind="imported", note=event.activity.title))


@effect(ActivityCompleted)
async def tally(events: Sequence[Event[ActivityCompleted]], tx: Tx) -> None:
    """Counts what comes together. A title with `refuse` is refused until the test allows it."""
    for event in events:
        title = event.message.activity.title
        await SCRIPT.at(f"tally {title}")
        if "refuse" in title and title not in SCRIPT.calls:
            raise ContactRefused(name=title)
        tx.add(Happening(kind="tally", note=title, version=len(events)))
