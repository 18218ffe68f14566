"""Leads for tests: made through the API, and what was told of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from tercet.chassis.v1.file_service_pb2 import UploadFileRequest
from tercet.chassis.v1.operation_service_pb2 import GetOperationRequest, Operation
from tercet.leads.v1.lead_service_pb2 import CreateLeadRequest, Lead
from tercet_chassis.contract import message_class
from tercet_chassis.tables import outbox
from tercet_chassis.testing import Client, eventually


async def make(leads: Client, **values: Any) -> Lead:
    """Takes in one lead."""
    answer: Lead = await leads.CreateLead(CreateLeadRequest(lead=Lead(**values)))
    return answer


async def events_of(client: Client, resource_id: str | None = None) -> list[Any]:
    """The events of the client's tenant, or of one resource of it, in the order in which they were written."""
    query = (
        select(outbox.c.headers, outbox.c.payload).where(outbox.c.tenant_id == client.tenant_id).order_by(outbox.c.id)
    )
    if resource_id is not None:
        query = query.where(outbox.c.resource_id == resource_id)
    async with client.running.runtime.database.connection() as connection:
        rows = (await connection.execute(query)).all()
    return [message_class(headers["ce-type"]).FromString(payload) for headers, payload in rows]


_SYLLABLES = "云星宏泰瑞丰华宇金诚博雅恒信天元东升凯达鼎盛嘉和远航正大永兴安康"


def mobile(number: int) -> str:
    """A mobile number that looks like anybody's; another for each number."""
    return f"138{(number * 7_919_317 + 24_681_357) % 10**8:08d}"


def person(number: int) -> str:
    """A person's name; another for each number up to a thousand."""
    return "王李张刘陈"[number % 5] + _SYLLABLES[number // 5 % 32] + _SYLLABLES[(number // 160 + number * 7) % 32]


def company(number: int) -> str:
    """A company's name; another for each number up to a thousand."""
    return (
        f"杭州{_SYLLABLES[number % 32]}{_SYLLABLES[number // 32 % 32]}{_SYLLABLES[(number * 5 + 3) % 32]}机械有限公司"
    )


async def upload(client: Client, name: str, content: bytes) -> str:
    """Uploads a file and answers its id."""
    running = client.running
    method = running.method("UploadFile")
    invoke = running.together.channel(running.runtime).stream_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    size = 1 << 20
    pieces = [content[start : start + size] for start in range(0, max(len(content), 1), size)]
    token = running.together.signer.token(client.principal)
    stored: Any = await invoke(
        iter(UploadFileRequest(name=name, content=piece) for piece in pieces),
        metadata=[("authorization", f"Bearer {token}")],
        timeout=60,
    )
    return str(stored.id)


async def done(client: Client, operation: Operation, seconds: float = 60.0) -> Operation:
    """Waits for an operation's end."""

    async def ended() -> Operation | None:
        current: Operation = await client.GetOperation(GetOperationRequest(id=operation.id))
        return None if current.state == Operation.RUNNING else current

    found: Operation = await eventually(ended, seconds)
    return found
