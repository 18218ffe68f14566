"""A service with too many calls in hand says so instead of taking one more."""

from __future__ import annotations

import pytest

from tercet.sales.v1 import contact_service_pb2 as pb
from tercet_chassis import server
from tercet_chassis.testing import Client, refused


async def test_one_call_too_many_is_refused_and_may_come_again(sut: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CALLS", 0)
    with refused("SERVICE_BUSY"):
        await sut.ListContacts(pb.ListContactsRequest())
    monkeypatch.undo()
    assert not (await sut.ListContacts(pb.ListContactsRequest())).contacts
