"""The free methods, seen on a resource that has no code for them: leads' sources."""

from __future__ import annotations

from tercet.leads.v1 import source_service_pb2 as pb
from tercet_chassis.testing import Client


async def test_created_resource_is_read_back(leads: Client) -> None:
    made = await leads.CreateSource(
        pb.CreateSourceRequest(
            source=pb.Source(code="expo", display_name="上海展会", kind=pb.Source.Kind.OFFLINE_EVENT)
        )
    )
    got = await leads.GetSource(pb.GetSourceRequest(id=made.id))
    assert got == made
